resource "aws_sns_topic" "alerts" {
  name = "${local.name}-alerts"
}

resource "aws_sns_topic_subscription" "email" {
  count     = var.alert_email == "" ? 0 : 1
  topic_arn = aws_sns_topic.alerts.arn
  protocol  = "email"
  endpoint  = var.alert_email
}

data "aws_iam_policy_document" "alerts" {
  statement {
    sid       = "AlarmsAndBudgets"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alerts.arn]
    principals {
      type        = "Service"
      identifiers = ["cloudwatch.amazonaws.com", "budgets.amazonaws.com"]
    }
    condition {
      test     = "StringEquals"
      variable = "aws:SourceAccount"
      values   = [local.account]
    }
  }
}

resource "aws_sns_topic_policy" "alerts" {
  arn    = aws_sns_topic.alerts.arn
  policy = data.aws_iam_policy_document.alerts.json
}

# How tasks end: ECS says it, a log group keeps it, filters count it by exit code. A task that was killed (137) or never
# started (no exit code) is counted with exit 1: no metric of its own could tell.
resource "aws_cloudwatch_log_group" "task_ends" {
  name              = "/aws/events/${local.name}-task-ends"
  retention_in_days = var.log_retention_days
}

resource "aws_cloudwatch_event_rule" "task_ended" {
  name        = "${local.name}-task-ended"
  description = "Every task of cluster ${local.name} that stopped"
  event_pattern = jsonencode({
    source      = ["aws.ecs"]
    detail-type = ["ECS Task State Change"]
    detail      = { clusterArn = [aws_ecs_cluster.main.arn], lastStatus = ["STOPPED"] }
  })
}

resource "aws_cloudwatch_event_target" "task_ended" {
  rule = aws_cloudwatch_event_rule.task_ended.name
  arn  = aws_cloudwatch_log_group.task_ends.arn
}

data "aws_iam_policy_document" "task_ends" {
  statement {
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.task_ends.arn}:*"]
    principals {
      type        = "Service"
      identifiers = ["events.amazonaws.com", "delivery.logs.amazonaws.com"]
    }
  }
}

resource "aws_cloudwatch_log_resource_policy" "task_ends" {
  policy_name     = "${local.name}-task-ends"
  policy_document = data.aws_iam_policy_document.task_ends.json
}

locals {
  exit_code = "$.detail.containers[0].exitCode"
  # Exit codes of docs/reference/exit-codes.md, by what a person has to do.
  task_ends = {
    failed     = "{ (${local.exit_code} = 1) || (${local.exit_code} > 128 && ${local.exit_code} != 143 && ${local.exit_code} != 130) || (${local.exit_code} NOT EXISTS) }"
    refused    = "{ (${local.exit_code} = 2) || (${local.exit_code} = 4) }"
    incomplete = "{ (${local.exit_code} = 3) || (${local.exit_code} = 6) }"
  }
}

resource "aws_cloudwatch_log_metric_filter" "task_ended" {
  for_each       = local.task_ends
  name           = "${local.name}-task-${each.key}"
  log_group_name = aws_cloudwatch_log_group.task_ends.name
  pattern        = each.value
  metric_transformation {
    namespace  = "SchemaHub/Tasks"
    name       = "Task${title(each.key)}"
    value      = "1"
    dimensions = { Group = "$.detail.group" }
  }
}
