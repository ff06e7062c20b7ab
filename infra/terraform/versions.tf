terraform {
  required_version = ">= 1.7"
  required_providers {
    aws = {
      source  = "hashicorp/aws"
      version = ">= 5.90, < 7.0"
    }
  }
}

# Against an emulator (aws_endpoint set) no account is asked for and failures are told at once; on AWS the extra members do nothing.
provider "aws" {
  region                      = var.aws_region
  skip_credentials_validation = local.is_emulated
  skip_metadata_api_check     = local.is_emulated
  skip_region_validation      = local.is_emulated
  s3_use_path_style           = local.is_emulated
  max_retries                 = local.is_emulated ? 2 : 25

  default_tags {
    tags = merge({ Project = "schemahub", Environment = var.environment, ManagedBy = "terraform" }, var.tags)
  }

  dynamic "endpoints" {
    for_each = local.is_emulated ? [var.aws_endpoint] : []
    content {
      athena         = endpoints.value
      budgets        = endpoints.value
      cloudwatch     = endpoints.value
      cloudwatchlogs = endpoints.value
      dynamodb       = endpoints.value
      ec2            = endpoints.value
      ecr            = endpoints.value
      ecs            = endpoints.value
      events         = endpoints.value
      glue           = endpoints.value
      iam            = endpoints.value
      lambda         = endpoints.value
      s3             = endpoints.value
      s3control      = endpoints.value
      scheduler      = endpoints.value
      secretsmanager = endpoints.value
      sfn            = endpoints.value
      sns            = endpoints.value
      sqs            = endpoints.value
      sts            = endpoints.value
    }
  }
}

data "aws_caller_identity" "current" {}
data "aws_partition" "current" {}
data "aws_availability_zones" "available" {
  state = "available"
}
