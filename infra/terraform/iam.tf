# Least privilege. tools/infra.test.mjs compares the actions below with the SDK calls that the code makes, in both directions;
# an action that no code of ours calls stands with its reason in a comment of its statement.

data "aws_iam_policy_document" "assume" {
  for_each = {
    ecs       = "ecs-tasks.amazonaws.com"
    lambda    = "lambda.amazonaws.com"
    scheduler = "scheduler.amazonaws.com"
    states    = "states.amazonaws.com"
  }
  statement {
    actions = ["sts:AssumeRole"]
    principals {
      type        = "Service"
      identifiers = [each.value]
    }
    # Not for Lambda: it does not say for whom it asks.
    dynamic "condition" {
      for_each = each.key == "lambda" ? [] : [local.account]
      content {
        test     = "StringEquals"
        variable = "aws:SourceAccount"
        values   = [condition.value]
      }
    }
  }
}

# Execution role: what Fargate itself needs to start a task.
resource "aws_iam_role" "execution" {
  name               = "${local.name}-execution"
  assume_role_policy = data.aws_iam_policy_document.assume["ecs"].json
}

data "aws_iam_policy_document" "execution" {
  # service: Fargate
  statement {
    sid       = "Login"
    actions   = ["ecr:GetAuthorizationToken"]
    resources = ["*"]
  }
  # service: Fargate
  statement {
    sid       = "Image"
    actions   = ["ecr:BatchCheckLayerAvailability", "ecr:BatchGetImage", "ecr:GetDownloadUrlForLayer"]
    resources = [aws_ecr_repository.image.arn]
  }
  # service: Fargate
  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.ecs.arn}:*"]
  }
  # service: Fargate
  statement {
    sid       = "Keys"
    actions   = ["secretsmanager:GetSecretValue"]
    resources = [aws_secretsmanager_secret.exchange_keys.arn]
  }
}

resource "aws_iam_role_policy" "execution" {
  name   = "execution"
  role   = aws_iam_role.execution.id
  policy = data.aws_iam_policy_document.execution.json
}

# Task role: what the commands do.
resource "aws_iam_role" "task" {
  name               = "${local.name}-task"
  assume_role_policy = data.aws_iam_policy_document.assume["ecs"].json
}

data "aws_iam_policy_document" "task" {
  statement {
    sid       = "Objects"
    actions   = ["s3:GetObject", "s3:PutObject", "s3:DeleteObject", "s3:AbortMultipartUpload"]
    resources = ["${aws_s3_bucket.lake.arn}/${local.lake_prefix}/*"]
  }
  statement {
    sid       = "List"
    actions   = ["s3:ListBucket"]
    resources = [aws_s3_bucket.lake.arn]
  }
  statement {
    sid       = "Leases"
    actions   = ["dynamodb:GetItem", "dynamodb:PutItem", "dynamodb:UpdateItem", "dynamodb:DeleteItem"]
    resources = [aws_dynamodb_table.locks.arn, aws_dynamodb_table.exchange_health.arn]
  }
  statement {
    sid       = "Metrics"
    actions   = ["cloudwatch:PutMetricData"]
    resources = ["*"]
    condition {
      test     = "StringEquals"
      variable = "cloudwatch:namespace"
      values   = ["SchemaHub"]
    }
  }
  statement {
    sid     = "Table"
    actions = ["glue:GetTable", "glue:CreateTable", "glue:UpdateTable"]
    resources = [
      "arn:${local.partition}:glue:${var.aws_region}:${local.account}:catalog",
      aws_glue_catalog_database.lake.arn,
      "arn:${local.partition}:glue:${var.aws_region}:${local.account}:table/${local.database}/*",
    ]
  }
}

resource "aws_iam_role_policy" "task" {
  name   = "task"
  role   = aws_iam_role.task.id
  policy = data.aws_iam_policy_document.task.json
}

# Asking the table by Athena: the function, and people (attach the managed policy to your own users or roles).
data "aws_iam_policy_document" "ask" {
  statement {
    sid       = "Ask"
    actions   = ["athena:StartQueryExecution", "athena:GetQueryExecution", "athena:GetQueryResults", "athena:StopQueryExecution"]
    resources = [aws_athena_workgroup.lake.arn]
  }
  # service: Athena reads the catalogue with the caller's rights
  statement {
    sid     = "Catalogue"
    actions = ["glue:GetDatabase", "glue:GetTable", "glue:GetTables", "glue:GetPartition", "glue:GetPartitions"]
    resources = [
      "arn:${local.partition}:glue:${var.aws_region}:${local.account}:catalog",
      aws_glue_catalog_database.lake.arn,
      "arn:${local.partition}:glue:${var.aws_region}:${local.account}:table/${local.database}/*",
    ]
  }
  # service: Athena reads the files, the newest certificate is read by the function
  statement {
    sid       = "Read"
    actions   = ["s3:GetObject"]
    resources = ["${aws_s3_bucket.lake.arn}/*"]
  }
  # service: Athena looks up where the bucket is
  statement {
    sid       = "List"
    actions   = ["s3:ListBucket", "s3:GetBucketLocation"]
    resources = [aws_s3_bucket.lake.arn]
  }
  # service: Athena writes results with the caller's rights
  statement {
    sid       = "Results"
    actions   = ["s3:PutObject", "s3:AbortMultipartUpload", "s3:ListMultipartUploadParts"]
    resources = ["${aws_s3_bucket.lake.arn}/athena-results/*"]
  }
}

resource "aws_iam_policy" "ask" {
  name        = "${local.name}-ask"
  description = "Ask SchemaHub's table by Athena in workgroup ${local.name}"
  policy      = data.aws_iam_policy_document.ask.json
}

# The data-quality function.
resource "aws_iam_role" "lambda" {
  name               = "${local.name}-data-quality"
  assume_role_policy = data.aws_iam_policy_document.assume["lambda"].json
}

data "aws_iam_policy_document" "lambda" {
  # service: Lambda writes the log
  statement {
    sid       = "Log"
    actions   = ["logs:CreateLogStream", "logs:PutLogEvents"]
    resources = ["${aws_cloudwatch_log_group.lambda.arn}:*"]
  }
  statement {
    sid       = "Metrics"
    actions   = ["cloudwatch:PutMetricData"]
    resources = ["*"]
    condition {
      test     = "StringEquals"
      variable = "cloudwatch:namespace"
      values   = ["SchemaHub"]
    }
  }
  statement {
    sid       = "Tell"
    actions   = ["sns:Publish"]
    resources = [aws_sns_topic.alerts.arn]
  }
}

resource "aws_iam_role_policy" "lambda" {
  name   = "data-quality"
  role   = aws_iam_role.lambda.id
  policy = data.aws_iam_policy_document.lambda.json
}

resource "aws_iam_role_policy_attachment" "lambda_ask" {
  role       = aws_iam_role.lambda.name
  policy_arn = aws_iam_policy.ask.arn
}

# What starts tasks and the function on time.
resource "aws_iam_role" "scheduler" {
  name               = "${local.name}-scheduler"
  assume_role_policy = data.aws_iam_policy_document.assume["scheduler"].json
}

data "aws_iam_policy_document" "scheduler" {
  # service: EventBridge Scheduler
  statement {
    sid       = "Run"
    actions   = ["ecs:RunTask"]
    resources = [for family in aws_ecs_task_definition.task : "${family.arn_without_revision}:*"]
  }
  # service: EventBridge Scheduler tags what it starts
  statement {
    sid       = "Tag"
    actions   = ["ecs:TagResource"]
    resources = ["arn:${local.partition}:ecs:${var.aws_region}:${local.account}:task/${local.name}/*"]
    condition {
      test     = "StringEquals"
      variable = "ecs:CreateAction"
      values   = ["RunTask"]
    }
  }
  # service: EventBridge Scheduler hands the roles to the task
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
  # service: EventBridge Scheduler
  statement {
    sid       = "Invoke"
    actions   = ["lambda:InvokeFunction"]
    resources = [aws_lambda_function.data_quality.arn]
  }
  # service: EventBridge Scheduler tells what it could not start
  statement {
    sid       = "DeadLetter"
    actions   = ["sqs:SendMessage"]
    resources = [aws_sqs_queue.not_started.arn]
  }
  dynamic "statement" {
    for_each = aws_sfn_state_machine.pipeline
    # service: EventBridge Scheduler
    content {
      sid       = "Pipeline"
      actions   = ["states:StartExecution"]
      resources = [statement.value.arn]
    }
  }
}

resource "aws_iam_role_policy" "scheduler" {
  name   = "scheduler"
  role   = aws_iam_role.scheduler.id
  policy = data.aws_iam_policy_document.scheduler.json
}
