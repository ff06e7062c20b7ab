output "bucket" {
  description = "Bucket of the lake; S3_BUCKET for the command line."
  value       = aws_s3_bucket.lake.bucket
}

output "image_repository" {
  description = "Where the image is pushed to."
  value       = aws_ecr_repository.image.repository_url
}

output "cluster" {
  value = aws_ecs_cluster.main.name
}

output "task_definitions" {
  value = { for key, definition in aws_ecs_task_definition.task : key => definition.family }
}

output "subnets" {
  value = aws_subnet.public[*].id
}

output "security_group" {
  value = aws_security_group.task.id
}

output "run_task" {
  description = "Runs one command in AWS; put yours in the place of `status`."
  value       = "aws ecs run-task --region ${var.aws_region} --cluster ${aws_ecs_cluster.main.name} --task-definition ${aws_ecs_task_definition.task["ingest"].family} --capacity-provider-strategy capacityProvider=${local.capacity_provider} --network-configuration '${jsonencode({ awsvpcConfiguration = { subnets = aws_subnet.public[*].id, securityGroups = [aws_security_group.task.id], assignPublicIp = "ENABLED" } })}' --overrides '${jsonencode({ containerOverrides = [{ name = "ingest", command = ["status"] }] })}'"
}

output "data_quality_function" {
  value = aws_lambda_function.data_quality.function_name
}

output "athena" {
  description = "Database and workgroup; ATHENA_DATABASE and ATHENA_WORKGROUP for the command line."
  value       = { database = aws_glue_catalog_database.lake.name, workgroup = aws_athena_workgroup.lake.name }
}

output "tables" {
  description = "DYNAMODB_LOCKS_TABLE and DYNAMODB_HEALTH_TABLE for the command line."
  value       = { locks = aws_dynamodb_table.locks.name, health = aws_dynamodb_table.exchange_health.name }
}

output "ask_policy" {
  description = "Managed policy for people who ask the table."
  value       = aws_iam_policy.ask.arn
}

output "alerts_topic" {
  value = aws_sns_topic.alerts.arn
}

output "dashboards" {
  value = [for board in [aws_cloudwatch_dashboard.operations, aws_cloudwatch_dashboard.data_quality] : "https://${var.aws_region}.console.aws.amazon.com/cloudwatch/home?region=${var.aws_region}#dashboards:name=${board.dashboard_name}"]
}

output "state_machine" {
  description = "The pipeline as a state machine, or null without enable_step_functions."
  value       = one([for machine in aws_sfn_state_machine.pipeline : machine.arn])
}
