#!/bin/bash
# Encryption and access logging of a bucket, as in the example of a production-ready stack (its symbols left out).
set -euo pipefail

# Check encryption at rest
aws s3api get-bucket-encryption --bucket $BUCKET_NAME

# Check access logging
aws s3api get-bucket-logging --bucket $BUCKET_NAME
