resource "aws_s3_bucket" "lake" {
  bucket        = "${local.name}-crypto-${local.account}"
  force_destroy = var.force_destroy
}

resource "aws_s3_bucket_public_access_block" "lake" {
  bucket                  = aws_s3_bucket.lake.id
  block_public_acls       = true
  block_public_policy     = true
  ignore_public_acls      = true
  restrict_public_buckets = true
}

resource "aws_s3_bucket_ownership_controls" "lake" {
  bucket = aws_s3_bucket.lake.id
  rule {
    object_ownership = "BucketOwnerEnforced"
  }
}

resource "aws_s3_bucket_server_side_encryption_configuration" "lake" {
  bucket = aws_s3_bucket.lake.id
  rule {
    apply_server_side_encryption_by_default {
      sse_algorithm = "AES256"
    }
  }
}

resource "aws_s3_bucket_versioning" "lake" {
  bucket = aws_s3_bucket.lake.id
  versioning_configuration {
    status = "Enabled"
  }
}

data "aws_iam_policy_document" "lake_bucket" {
  statement {
    sid       = "TlsOnly"
    effect    = "Deny"
    actions   = ["s3:*"]
    resources = [aws_s3_bucket.lake.arn, "${aws_s3_bucket.lake.arn}/*"]
    principals {
      type        = "*"
      identifiers = ["*"]
    }
    condition {
      test     = "Bool"
      variable = "aws:SecureTransport"
      values   = ["false"]
    }
  }
}

resource "aws_s3_bucket_policy" "lake" {
  bucket     = aws_s3_bucket.lake.id
  policy     = data.aws_iam_policy_document.lake_bucket.json
  depends_on = [aws_s3_bucket_public_access_block.lake]
}

# Raw objects, evidence, commits and certificates are never expired: everything else is derived from them. Raw objects only
# move to a class that is read at once. What the pipeline itself replaces or deletes keeps its old versions for some days.
resource "aws_s3_bucket_lifecycle_configuration" "lake" {
  bucket     = aws_s3_bucket.lake.id
  depends_on = [aws_s3_bucket_versioning.lake]

  rule {
    id     = "abort-unfinished-uploads"
    status = "Enabled"
    filter {}
    abort_incomplete_multipart_upload {
      days_after_initiation = 7
    }
  }

  dynamic "rule" {
    for_each = var.exchanges
    content {
      id     = "raw-${rule.value}-to-infrequent-access"
      status = "Enabled"
      filter {
        prefix = "${local.lake_prefix}/raw_${rule.value}_trades/"
      }
      transition {
        days          = var.raw_ia_after_days
        storage_class = "STANDARD_IA"
      }
    }
  }

  # Documents that are rewritten all the time, and data files that vacuum deleted.
  dynamic "rule" {
    for_each = { checkpoints = "checkpoints/", locks = "locks/", data-files = "unified_trades/v", metadata = "unified_trades/metadata/" }
    content {
      id     = "old-versions-of-${rule.key}"
      status = "Enabled"
      filter {
        prefix = "${local.lake_prefix}/${rule.value}"
      }
      noncurrent_version_expiration {
        noncurrent_days = 7
      }
      expiration {
        expired_object_delete_marker = true
      }
    }
  }

  rule {
    id     = "athena-results"
    status = "Enabled"
    filter {
      prefix = "athena-results/"
    }
    expiration {
      days = 7
    }
    noncurrent_version_expiration {
      noncurrent_days = 1
    }
  }
}

resource "aws_dynamodb_table" "locks" {
  name         = "${local.name}-locks"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "lock_name"
  attribute {
    name = "lock_name"
    type = "S"
  }
  ttl {
    attribute_name = "ttl"
    enabled        = true
  }
}

resource "aws_dynamodb_table" "exchange_health" {
  name         = "${local.name}-exchange-health"
  billing_mode = "PAY_PER_REQUEST"
  hash_key     = "exchange_name"
  range_key    = "timestamp"
  attribute {
    name = "exchange_name"
    type = "S"
  }
  attribute {
    name = "timestamp"
    type = "S"
  }
  ttl {
    attribute_name = "ttl"
    enabled        = true
  }
}

resource "aws_secretsmanager_secret" "exchange_keys" {
  name                    = "${local.name}/exchange-keys"
  description             = "API keys as one JSON object, e.g. {\"COINBASE_API_KEY\": \"…\"}. Optional: public trades need none."
  recovery_window_in_days = var.force_destroy ? 0 : 7
}

resource "aws_ecr_repository" "image" {
  name         = local.name
  force_delete = var.force_destroy
  image_scanning_configuration {
    scan_on_push = true
  }
}

resource "aws_ecr_lifecycle_policy" "image" {
  repository = aws_ecr_repository.image.name
  policy = jsonencode({ rules = [{
    rulePriority = 1
    description  = "keep the last five images"
    selection    = { tagStatus = "any", countType = "imageCountMoreThan", countNumber = 5 }
    action       = { type = "expire" }
  }] })
}
