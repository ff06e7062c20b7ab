# Whatever a schedule could not start (no capacity, a wrong image name, a missing right) lands here and raises an alarm.
resource "aws_sqs_queue" "not_started" {
  name                      = "${local.name}-not-started"
  message_retention_seconds = 1209600
  sqs_managed_sse_enabled   = true
}

locals {
  task_schedules = {
    ingest    = { expression = var.ingest_schedule, enabled = var.enable_scheduling && !var.enable_step_functions, count = var.ingest_task_count }
    transform = { expression = var.transform_schedule, enabled = var.enable_scheduling && !var.enable_step_functions, count = 1 }
  }
}

resource "aws_scheduler_schedule" "task" {
  for_each                     = local.task_schedules
  name                         = "${local.name}-${each.key}-schedule"
  schedule_expression          = each.value.expression
  schedule_expression_timezone = "UTC"
  state                        = each.value.enabled ? "ENABLED" : "DISABLED"
  flexible_time_window {
    mode = "OFF"
  }
  target {
    arn      = aws_ecs_cluster.main.arn
    role_arn = aws_iam_role.scheduler.arn
    ecs_parameters {
      task_definition_arn = aws_ecs_task_definition.task[each.key].arn_without_revision
      task_count          = each.value.count
      propagate_tags      = "TASK_DEFINITION"
      capacity_provider_strategy {
        capacity_provider = local.capacity_provider
        weight            = 1
      }
      network_configuration {
        subnets          = aws_subnet.public[*].id
        security_groups  = [aws_security_group.task.id]
        assign_public_ip = true
      }
    }
    retry_policy {
      maximum_retry_attempts       = 3
      maximum_event_age_in_seconds = 1800
    }
    dead_letter_config {
      arn = aws_sqs_queue.not_started.arn
    }
  }
}

resource "aws_scheduler_schedule" "data_quality" {
  name                         = "${local.name}-data-quality-schedule"
  schedule_expression          = var.data_quality_schedule
  schedule_expression_timezone = "UTC"
  state                        = var.enable_scheduling ? "ENABLED" : "DISABLED"
  flexible_time_window {
    mode = "OFF"
  }
  target {
    arn      = aws_lambda_function.data_quality.arn
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
