# The bastion of the Terraform ancestor (seed 004) in our words: a spot request, which the provider makes persistent, port
# 22 open, and one role with wide rights. test/contract/provision/terraform-bastion.test.ts applies it in the sandbox.

terraform {
  required_providers {
    aws = { source = "hashicorp/aws" }
  }
}

variable "vpc_id" { type = string }
variable "subnet_id" { type = string }
variable "ami" { type = string }

provider "aws" {
  region = "eu-west-1"
}

resource "aws_iam_role" "connect" {
  name = "ec2-connect-role"
  assume_role_policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Principal = { Service = "ec2.amazonaws.com" }, Action = "sts:AssumeRole" }]
  })
}

resource "aws_iam_role_policy" "connect" {
  name = "ec2-connect-policy"
  role = aws_iam_role.connect.id
  policy = jsonencode({
    Version   = "2012-10-17"
    Statement = [{ Effect = "Allow", Action = ["ecs:*", "ssm:*", "ssmmessages:*", "ec2messages:*", "logs:*", "s3:*"], Resource = "*" }]
  })
}

resource "aws_iam_instance_profile" "connect" {
  name = "ec2-connect-profile"
  role = aws_iam_role.connect.name
}

resource "aws_security_group" "connect" {
  name        = "ec2-connect-sg"
  description = "SSH from anywhere"
  vpc_id      = var.vpc_id
  ingress {
    from_port   = 22
    to_port     = 22
    protocol    = "tcp"
    cidr_blocks = ["0.0.0.0/0"]
  }
  egress {
    from_port   = 0
    to_port     = 0
    protocol    = "-1"
    cidr_blocks = ["0.0.0.0/0"]
  }
}

resource "aws_spot_instance_request" "connect" {
  ami                    = var.ami
  instance_type          = "t3.micro"
  subnet_id              = var.subnet_id
  vpc_security_group_ids = [aws_security_group.connect.id]
  iam_instance_profile   = aws_iam_instance_profile.connect.name
  spot_type              = "persistent"
  wait_for_fulfillment   = true
  user_data              = "#!/bin/bash\nyum install -y aws-cli\n"
  tags                   = { Name = "ec2-connect" }
}
