#!/bin/bash
# The address of the application, as in the example of a production-ready stack (its symbols left out).
set -euo pipefail

# Get application URL from stack outputs
STACK_OUTPUTS=$(aws cloudformation describe-stacks \
  --stack-name "$CDK_STACK_NAME" \
  --query 'Stacks[0].Outputs' \
  --output json)

APP_URL=$(echo "$STACK_OUTPUTS" | jq -r '.[] | select(.OutputKey=="ApplicationUrl") | .OutputValue' || echo "")
echo "$APP_URL"
