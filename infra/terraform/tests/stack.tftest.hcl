# `terraform test`: plans and applies the stack against a mocked provider; no account, no network.
mock_provider "aws" {
  mock_data "aws_caller_identity" {
    defaults = { account_id = "123456789012" }
  }
  mock_data "aws_partition" {
    defaults = { partition = "aws" }
  }
  mock_data "aws_availability_zones" {
    defaults = { names = ["us-east-1a", "us-east-1b", "us-east-1c"] }
  }
  mock_data "aws_iam_policy_document" {
    defaults = { json = "{\"Version\":\"2012-10-17\",\"Statement\":[]}" }
  }
  mock_resource "aws_s3_bucket" {
    defaults = { arn = "arn:aws:s3:::schemahub-crypto-123456789012" }
  }
  mock_resource "aws_dynamodb_table" {
    defaults = { arn = "arn:aws:dynamodb:us-east-1:123456789012:table/schemahub" }
  }
  mock_resource "aws_iam_role" {
    defaults = { arn = "arn:aws:iam::123456789012:role/schemahub" }
  }
  mock_resource "aws_iam_policy" {
    defaults = { arn = "arn:aws:iam::123456789012:policy/schemahub" }
  }
  mock_resource "aws_ecs_cluster" {
    defaults = { arn = "arn:aws:ecs:us-east-1:123456789012:cluster/schemahub" }
  }
  mock_resource "aws_ecs_task_definition" {
    defaults = {
      arn                  = "arn:aws:ecs:us-east-1:123456789012:task-definition/schemahub-ingest:1"
      arn_without_revision = "arn:aws:ecs:us-east-1:123456789012:task-definition/schemahub-ingest"
    }
  }
  mock_resource "aws_ecr_repository" {
    defaults = { repository_url = "123456789012.dkr.ecr.us-east-1.amazonaws.com/schemahub", arn = "arn:aws:ecr:us-east-1:123456789012:repository/schemahub" }
  }
  mock_resource "aws_lambda_function" {
    defaults = { arn = "arn:aws:lambda:us-east-1:123456789012:function:schemahub-data-quality" }
  }
  mock_resource "aws_sns_topic" {
    defaults = { arn = "arn:aws:sns:us-east-1:123456789012:schemahub-alerts" }
  }
  mock_resource "aws_sqs_queue" {
    defaults = { arn = "arn:aws:sqs:us-east-1:123456789012:schemahub-not-started" }
  }
  mock_resource "aws_cloudwatch_log_group" {
    defaults = { arn = "arn:aws:logs:us-east-1:123456789012:log-group:schemahub" }
  }
  mock_resource "aws_secretsmanager_secret" {
    defaults = { arn = "arn:aws:secretsmanager:us-east-1:123456789012:secret:schemahub/exchange-keys-AbCdEf" }
  }
  mock_resource "aws_glue_catalog_database" {
    defaults = { arn = "arn:aws:glue:us-east-1:123456789012:database/schemahub" }
  }
  mock_resource "aws_athena_workgroup" {
    defaults = { arn = "arn:aws:athena:us-east-1:123456789012:workgroup/schemahub" }
  }
  mock_resource "aws_sfn_state_machine" {
    defaults = { arn = "arn:aws:states:us-east-1:123456789012:stateMachine:schemahub-pipeline" }
  }
}

variables {
  # A mocked function takes any file.
  lambda_zip = "README.md"
}

run "defaults" {
  assert {
    condition     = aws_ecs_cluster.main.name == "schemahub" && aws_lambda_function.data_quality.function_name == "schemahub-data-quality"
    error_message = "the default names are those of the documentation"
  }
  assert {
    condition     = aws_s3_bucket.lake.bucket == "schemahub-crypto-123456789012"
    error_message = "the bucket is schemahub-crypto-{account}"
  }
  assert {
    condition     = toset(concat([for schedule in aws_scheduler_schedule.task : schedule.name], [aws_scheduler_schedule.data_quality.name])) == toset(["schemahub-ingest-schedule", "schemahub-transform-schedule", "schemahub-data-quality-schedule"])
    error_message = "the three schedules"
  }
  assert {
    condition     = alltrue([for schedule in aws_scheduler_schedule.task : schedule.state == "ENABLED"]) && length(aws_sfn_state_machine.pipeline) == 0
    error_message = "schedules run, and there is no state machine"
  }
  assert {
    condition = alltrue(flatten([for rule in aws_s3_bucket_lifecycle_configuration.lake.rule : [
      for prefix in ["raw_", "coverage_", "unified_trades/commits/", "unified_trades/files/", "certificates/"] :
      length(rule.expiration) + length(rule.noncurrent_version_expiration) == 0 || !startswith("schemahub/${prefix}", try(rule.filter[0].prefix, ""))
    ]]))
    error_message = "no lifecycle rule expires raw objects, evidence, commits, file lists or certificates"
  }
  assert {
    condition     = alltrue(flatten([for rule in aws_s3_bucket_lifecycle_configuration.lake.rule : [for transition in rule.transition : transition.storage_class == "STANDARD_IA"]]))
    error_message = "raw objects move only to a class that is read at once"
  }
  assert {
    condition     = alltrue([for alarm in aws_cloudwatch_metric_alarm.metric : length(regexall("Runbook: https://.*/docs/operations/[a-z-]+\\.md$", alarm.alarm_description)) == 1])
    error_message = "every alarm links to its runbook"
  }
  assert {
    condition     = toset([for notification in aws_budgets_budget.month.notification : notification.threshold if notification.notification_type == "ACTUAL"]) == toset([25, 50, 75, 100])
    error_message = "budget alerts in steps of 25 dollars"
  }
  assert {
    condition     = alltrue([for definition in aws_ecs_task_definition.task : jsondecode(definition.container_definitions)[0].readonlyRootFilesystem && jsondecode(definition.container_definitions)[0].user == "1000:1000" && jsondecode(definition.container_definitions)[0].stopTimeout == 120])
    error_message = "containers run as a plain user on a read-only root and get two minutes to drain"
  }
  assert {
    condition     = alltrue([for definition in aws_ecs_task_definition.task : length(jsondecode(definition.container_definitions)[0].secrets) == 0])
    error_message = "without keys no task refers to the secret"
  }
}

run "saved_queries" {
  assert {
    condition     = length(aws_cloudwatch_query_definition.saved) >= 3 && alltrue([for query in aws_cloudwatch_query_definition.saved : startswith(query.query_string, "fields ")])
    error_message = "errors per hour, 429 by product and circuit events are saved"
  }
}

run "another_environment" {
  variables {
    environment       = "test"
    enable_scheduling = false
    use_spot          = false
    exchanges         = ["coinbase", "binance", "kraken"]
    use_exchange_keys = true
    alert_email       = "someone@example.com"
  }
  assert {
    condition     = aws_ecs_cluster.main.name == "schemahub-test" && aws_glue_catalog_database.lake.name == "schemahub_test" && aws_s3_bucket.lake.bucket == "schemahub-test-crypto-123456789012"
    error_message = "the environment stands in every name"
  }
  assert {
    condition     = alltrue([for schedule in aws_scheduler_schedule.task : schedule.state == "DISABLED"]) && aws_scheduler_schedule.data_quality.state == "DISABLED"
    error_message = "nothing starts by itself"
  }
  assert {
    condition     = length(jsondecode(aws_ecs_task_definition.task["ingest"].container_definitions)[0].secrets) == 6 && length(aws_glue_catalog_table.raw) == 3
    error_message = "keys of three exchanges, raw tables of three exchanges"
  }
  assert {
    condition     = length([for key, alarm in aws_cloudwatch_metric_alarm.metric : key if alarm.dimensions.Source == "kraken"]) == 6
    error_message = "every exchange has its alarms"
  }
  assert {
    condition     = output.state_machine == null && strcontains(output.run_task, "capacityProvider=FARGATE ")
    error_message = "on-demand tasks, no state machine"
  }
}

run "state_machine" {
  variables {
    enable_step_functions = true
    ingest_task_count     = 3
  }
  assert {
    condition     = alltrue([for schedule in aws_scheduler_schedule.task : schedule.state == "DISABLED"]) && aws_scheduler_schedule.pipeline["pipeline"].state == "ENABLED"
    error_message = "the state machine's schedule takes the place of ingest's and transform's"
  }
  assert {
    condition     = length(jsondecode(aws_sfn_state_machine.pipeline["pipeline"].definition).States.begin.Result.tasks) == 3
    error_message = "as many tasks as asked for"
  }
  assert {
    condition = alltrue([for name, state in jsondecode(aws_sfn_state_machine.pipeline["pipeline"].definition).States :
      contains(keys(jsondecode(aws_sfn_state_machine.pipeline["pipeline"].definition).States), try(state.Next, "begin"))
    ])
    error_message = "every state leads to one that is there"
  }
}

run "refuses_a_bad_name" {
  command = plan
  variables {
    environment = "Test_1"
  }
  expect_failures = [var.environment]
}

run "refuses_an_unbuilt_function" {
  command = plan
  variables {
    lambda_zip = "nowhere.zip"
  }
  expect_failures = [aws_lambda_function.data_quality]
}
