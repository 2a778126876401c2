#!/bin/bash
# Load balancer and targets, as in the example of a production-ready stack (its symbols left out).
set -euo pipefail

# Get application load balancer
ALB_ARN=$(aws elbv2 describe-load-balancers \
  --query 'LoadBalancers[?contains(LoadBalancerName, `webapp-prod`)].LoadBalancerArn' \
  --output text)

if [ -n "$ALB_ARN" ]; then
  # Check ALB health
  ALB_STATE=$(aws elbv2 describe-load-balancers \
    --load-balancer-arns "$ALB_ARN" \
    --query 'LoadBalancers[0].State.Code' \
    --output text)

  if [ "$ALB_STATE" != "active" ]; then
    echo "Application Load Balancer not in active state: $ALB_STATE"
    exit 1
  else
    echo "Application Load Balancer is active"
  fi

  # Check target group health
  TARGET_GROUPS=$(aws elbv2 describe-target-groups \
    --load-balancer-arn "$ALB_ARN" \
    --query 'TargetGroups[].TargetGroupArn' \
    --output text)

  for tg_arn in $TARGET_GROUPS; do
    HEALTHY_TARGETS=$(aws elbv2 describe-target-health \
      --target-group-arn "$tg_arn" \
      --query 'length(TargetHealthDescriptions[?TargetHealth.State==`healthy`])' \
      --output text)

    TOTAL_TARGETS=$(aws elbv2 describe-target-health \
      --target-group-arn "$tg_arn" \
      --query 'length(TargetHealthDescriptions)' \
      --output text)

    if [ "$HEALTHY_TARGETS" -eq 0 ]; then
      echo "No healthy targets in target group"
      exit 1
    else
      echo "Target group health: $HEALTHY_TARGETS/$TOTAL_TARGETS healthy"
    fi
  done
fi
