# Copyright: Contributors to the algotrading.aws project
# GNU General Public License v3.0+ (see LICENSE or https://www.gnu.org/licenses/gpl-3.0.txt)
# An environment as site.yml makes it, the same resources by the same names, for comparison only: nobody deploys this.

terraform {
  required_providers {
    aws = {
      source = "hashicorp/aws"
    }
  }
}

provider "aws" {
  region = var.region
  # The endpoint is an address, of which no bucket's name can be a part.
  s3_use_path_style = true
}

variable "environment" {
  type = string
}

variable "region" {
  type = string
}

variable "bucket" {
  type = string
}

variable "user_data" {
  type        = string
  description = "The hosts' script, as the playbooks write it."
}

variable "packages" {
  type        = string
  description = "A folder with the functions' zips."
}

data "aws_caller_identity" "current" {}

locals {
  account    = data.aws_caller_identity.current.account_id
  bucket_arn = "arn:aws:s3:::${var.bucket}"
}
