# Option: the whole way as one state machine, update-seed → ingest (N tasks) → transform → verify → quality. A task that ends
# 3 (incomplete), 5 (another run holds it) or 6 (exchange unavailable) has lost nothing: the next steps work with what is
# there. Any other code ends the execution as failed.
locals {
  pipeline = var.enable_step_functions ? { pipeline = true } : {}

  # A step: its command ($.x: a text of the input), and the state after it.
  seed_step   = { seed = { command = "States.Array('update-seed','--in-lake','--exchange',$,'--filter-regex','${var.seed_filter_regex}')", next = "seeded" } }
  ingest_step = { fetch = { command = "States.Array('run','ingest',${join(",", [for name in var.exchanges : "'${name}'"])})", next = "fetched" } }
  table_steps = {
    transform = { command = "States.Array('run','unify','trades_unified')", next = "verify" }
    verify    = { command = "States.Array('verify')", next = "quality" }
  }

  # Each step as three states: the task, its exit code, and whether it is one to go on with.
  step_states = {
    for group, steps in { seed = local.seed_step, ingest = local.ingest_step, table = local.table_steps } : group => merge([for key, step in steps : {
      (key) = {
        Type       = "Task"
        Resource   = "arn:${local.partition}:states:::ecs:runTask.sync"
        ResultPath = null
        Parameters = {
          Cluster                  = aws_ecs_cluster.main.arn
          TaskDefinition           = aws_ecs_task_definition.task["ingest"].arn_without_revision
          PropagateTags            = "TASK_DEFINITION"
          CapacityProviderStrategy = [{ CapacityProvider = local.capacity_provider, Weight = 1 }]
          NetworkConfiguration = { AwsvpcConfiguration = {
            Subnets        = aws_subnet.public[*].id
            SecurityGroups = [aws_security_group.task.id]
            AssignPublicIp = "ENABLED"
          } }
          Overrides = { ContainerOverrides = [{ Name = "ingest", "Command.$" = step.command }] }
        }
        Retry = [{ ErrorEquals = ["ECS.ServerException", "ECS.AmazonECSException"], IntervalSeconds = 30, MaxAttempts = 3, BackoffRate = 2 }]
        Catch = [{ ErrorEquals = ["States.TaskFailed"], ResultPath = "$", Next = "${key} ended" }]
        Next  = step.next
      }
      "${key} ended" = {
        Type       = "Pass"
        Parameters = { "task.$" = "States.StringToJson($.Cause)" }
        Next       = "${key} lost nothing?"
      }
      "${key} lost nothing?" = {
        Type = "Choice"
        Choices = [for code in [3, 5, 6] : {
          And = [
            { Variable = "$.task.Containers[0].ExitCode", IsPresent = true },
            { Variable = "$.task.Containers[0].ExitCode", NumericEquals = code },
          ]
          Next = step.next
        }]
        Default = "${key} failed"
      }
      "${key} failed" = { Type = "Fail", Error = "${key} failed", CausePath = "States.JsonToString($.task.Containers)" }
    }]...)
  }

  pipeline_definition = {
    Comment        = "update-seed, ingest by ${var.ingest_task_count} tasks, transform, verify, quality"
    StartAt        = "begin"
    TimeoutSeconds = 10800
    States = merge(local.step_states.table, {
      begin = {
        Type   = "Pass"
        Result = { exchanges = var.exchanges, tasks = range(var.ingest_task_count) }
        Next   = "update-seed"
      }
      update-seed = {
        Type           = "Map"
        ItemsPath      = "$.exchanges"
        MaxConcurrency = 1
        ResultPath     = null
        ItemProcessor = {
          ProcessorConfig = { Mode = "INLINE" }
          StartAt         = "seed"
          States          = merge(local.step_states.seed, { seeded = { Type = "Succeed" } })
        }
        Next = "ingest"
      }
      ingest = {
        Type       = "Map"
        ItemsPath  = "$.tasks"
        ResultPath = null
        ItemProcessor = {
          ProcessorConfig = { Mode = "INLINE" }
          StartAt         = "fetch"
          States          = merge(local.step_states.ingest, { fetched = { Type = "Succeed" } })
        }
        Next = "transform"
      }
      quality = {
        Type       = "Task"
        Resource   = "arn:${local.partition}:states:::lambda:invoke"
        Parameters = { FunctionName = aws_lambda_function.data_quality.arn }
        Retry      = [{ ErrorEquals = ["Lambda.TooManyRequestsException", "Lambda.ServiceException"], IntervalSeconds = 30, MaxAttempts = 3, BackoffRate = 2 }]
        End        = true
      }
    })
  }
}

resource "aws_sfn_state_machine" "pipeline" {
  for_each   = local.pipeline
  name       = "${local.name}-pipeline"
  role_arn   = aws_iam_role.states[each.key].arn
  definition = jsonencode(local.pipeline_definition)
}

resource "aws_scheduler_schedule" "pipeline" {
  for_each                     = local.pipeline
  name                         = "${local.name}-pipeline-schedule"
  schedule_expression          = var.ingest_schedule
  schedule_expression_timezone = "UTC"
  state                        = var.enable_scheduling ? "ENABLED" : "DISABLED"
  flexible_time_window {
    mode = "OFF"
  }
  target {
    arn      = aws_sfn_state_machine.pipeline[each.key].arn
    role_arn = aws_iam_role.scheduler.arn
    retry_policy {
      maximum_retry_attempts       = 3
      maximum_event_age_in_seconds = 1800
    }
    dead_letter_config {
      arn = aws_sqs_queue.not_started.arn
    }
  }
}

resource "aws_cloudwatch_metric_alarm" "pipeline" {
  for_each            = local.pipeline
  alarm_name          = "${local.name}-pipeline-failed"
  alarm_description   = "The state machine ended as failed. Runbook: ${var.runbook_base_url}/pipeline-failed.md"
  namespace           = "AWS/States"
  metric_name         = "ExecutionsFailed"
  dimensions          = { StateMachineArn = aws_sfn_state_machine.pipeline[each.key].arn }
  statistic           = "Sum"
  period              = 300
  evaluation_periods  = 1
  comparison_operator = "GreaterThanOrEqualToThreshold"
  threshold           = 1
  treat_missing_data  = "notBreaching"
  alarm_actions       = [aws_sns_topic.alerts.arn]
}

resource "aws_iam_role" "states" {
  for_each           = local.pipeline
  name               = "${local.name}-pipeline"
  assume_role_policy = data.aws_iam_policy_document.assume["states"].json
}

data "aws_iam_policy_document" "states" {
  for_each = local.pipeline
  # service: Step Functions
  statement {
    sid       = "Run"
    actions   = ["ecs:RunTask"]
    resources = ["${aws_ecs_task_definition.task["ingest"].arn_without_revision}:*"]
  }
  # service: Step Functions follows and ends what it started
  statement {
    sid       = "Follow"
    actions   = ["ecs:DescribeTasks", "ecs:StopTask", "ecs:TagResource"]
    resources = ["arn:${local.partition}:ecs:${var.aws_region}:${local.account}:task/${local.name}/*"]
  }
  # service: Step Functions hands the roles to the task
  statement {
    sid       = "Pass"
    actions   = ["iam:PassRole"]
    resources = [aws_iam_role.execution.arn, aws_iam_role.task.arn]
    condition {
      test     = "StringEquals"
      variable = "iam:PassedToService"
      values   = ["ecs-tasks.amazonaws.com"]
    }
  }
  # service: Step Functions waits for a task by a rule of its own
  statement {
    sid       = "Wait"
    actions   = ["events:PutTargets", "events:PutRule", "events:DescribeRule"]
    resources = ["arn:${local.partition}:events:${var.aws_region}:${local.account}:rule/StepFunctionsGetEventsForECSTaskRule"]
  }
  # service: Step Functions
  statement {
    sid       = "Judge"
    actions   = ["lambda:InvokeFunction"]
    resources = [aws_lambda_function.data_quality.arn]
  }
}

resource "aws_iam_role_policy" "states" {
  for_each = local.pipeline
  name     = "pipeline"
  role     = aws_iam_role.states[each.key].id
  policy   = data.aws_iam_policy_document.states[each.key].json
}
