resource "aws_cloudwatch_log_group" "lambda" {
  name              = "/aws/lambda/${local.name}-data-quality"
  retention_in_days = var.log_retention_days
}

resource "aws_lambda_function" "data_quality" {
  function_name    = "${local.name}-data-quality"
  description      = "Asks the table by Athena, judges it, publishes metrics, tells below the thresholds"
  role             = aws_iam_role.lambda.arn
  runtime          = "nodejs22.x"
  architectures    = ["arm64"]
  handler          = "index.handler"
  filename         = var.lambda_zip
  source_code_hash = fileexists(var.lambda_zip) ? filebase64sha256(var.lambda_zip) : null
  memory_size      = 512
  timeout          = 600

  environment {
    variables = local.lambda_environment
  }
  logging_config {
    log_format = "JSON"
    log_group  = aws_cloudwatch_log_group.lambda.name
  }

  lifecycle {
    precondition {
      condition     = fileexists(var.lambda_zip)
      error_message = "${var.lambda_zip} is not there. Build it in the root of the repository: npm start"
    }
  }
  depends_on = [aws_iam_role_policy.lambda]
}

# A run that failed is told by its alarm; trying again at once would pay for the same queries again.
resource "aws_lambda_function_event_invoke_config" "data_quality" {
  function_name          = aws_lambda_function.data_quality.function_name
  maximum_retry_attempts = 0
}
