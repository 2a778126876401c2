-- The health of a CdkTsStack, for Argo CD, which has no check of its own for kinds that it does not
-- know. It uses no library of Lua, so that every Argo CD takes it. docs/how-to/argo-cd.md says where
-- it goes.
local hs = {status = "Progressing", message = "waiting for the operator"}
local status = obj.status
if status == nil or status.conditions == nil then
  return hs
end

local ready, stalled
for i = 1, #status.conditions do
  local c = status.conditions[i]
  if c.type == "Ready" then
    ready = c
  elseif c.type == "Stalled" and c.status == "True" then
    stalled = c
  end
end
if ready == nil then
  return hs
end
hs.message = ready.message

if obj.metadata.deletionTimestamp ~= nil then
  return hs
end
if status.observedGeneration ~= obj.metadata.generation then
  hs.message = "the operator has not seen the last change of the spec yet"
  return hs
end
if stalled ~= nil then
  hs.status = "Degraded"
elseif obj.spec.suspend == true or ready.reason == "DeployDisabled" then
  hs.status = "Suspended"
elseif ready.status == "True" then
  hs.status = "Healthy"
elseif ready.status == "False" then
  hs.status = "Degraded"
end
return hs
