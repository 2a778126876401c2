#!/bin/bash
# Details of drift, as in the example of a production-ready stack (its symbols left out).
set -euo pipefail

# Get detailed drift information
DRIFT_DETAILS=$(aws cloudformation describe-stack-resource-drifts \
  --stack-name "$CDK_STACK_NAME" \
  --region "$CDK_STACK_REGION" \
  --output json)
echo "$DRIFT_DETAILS"
