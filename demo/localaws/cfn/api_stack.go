package cfn

import (
	"crypto/sha256"
	"encoding/hex"
	"encoding/json"
	"maps"
	"regexp"
	"slices"

	"awscdk.dev/operator/demo/localaws/wire"
)

func sortedNames[V any](m map[string]V) []string { return slices.Sorted(maps.Keys(m)) }

// nameShape is what CloudFormation allows as a stack or change set name.
var nameShape = regexp.MustCompile(`\A[a-zA-Z][-a-zA-Z0-9]{0,127}\z`)

var stackHandlers = map[string]handler{
	"CreateStack":                 createStack,
	"UpdateStack":                 updateStack,
	"DeleteStack":                 deleteStack,
	"CancelUpdateStack":           cancelUpdateStack,
	"RollbackStack":               rollbackStack,
	"ContinueUpdateRollback":      continueUpdateRollback,
	"UpdateTerminationProtection": updateTerminationProtection,
	"SetStackPolicy":              setStackPolicy,
	"GetStackPolicy":              getStackPolicy,
}

func badStackName(name string) error {
	return wire.Invalid("1 validation error detected: Value '%s' at 'stackName' failed to satisfy constraint: Member must satisfy regular expression pattern: [a-zA-Z][-a-zA-Z0-9]*", name)
}

// repeated says whether a client request token was used before for the same
// request, and refuses its use for another one; s.mu is held.
func (s *Service) repeated(c *wire.Call) (bool, error) {
	token := c.Params.String("ClientRequestToken")
	if token == "" {
		return false, nil
	}
	raw, _ := json.Marshal(c.Params)
	sum := sha256.Sum256(raw)
	mark, key := c.Action+hex.EncodeToString(sum[:]), c.Account+c.Region+token
	switch s.tokens[key] {
	case "":
		s.tokens[key] = mark
		return false, nil
	case mark:
		return true, nil
	}
	return false, wire.Errorf("TokenAlreadyExistsException", "Token [%s] already exists", token)
}

func (s *Service) forgetToken(c *wire.Call) {
	delete(s.tokens, c.Account+c.Region+c.Params.String("ClientRequestToken"))
}

func createStack(s *Service, c *wire.Call) (any, error) {
	name := c.Params.String("StackName")
	if !nameShape.MatchString(name) {
		return nil, badStackName(name)
	}
	again, err := s.repeated(c)
	if err != nil {
		return nil, err
	}
	if st, ok := s.find(place(c), name); ok {
		if again {
			return map[string]any{"StackId": st.ID}, nil
		}
		s.forgetToken(c)
		return nil, wire.Errorf("AlreadyExistsException", "Stack [%s] already exists", name)
	}
	config, err := s.configure(c, nil)
	if err != nil {
		s.forgetToken(c)
		return nil, err
	}
	st := s.newStack(place(c), name)
	st.Protected = c.Params.Bool("EnableTerminationProtection")
	op := &operation{
		token: c.Params.String("ClientRequestToken"), noRollback: c.Params.Bool("DisableRollback"),
		onFailure: c.Params.String("OnFailure"), retainNew: c.Params.Bool("RetainExceptOnCreate"),
	}
	s.startCreate(st, op, config)
	return map[string]any{"StackId": st.ID, "OperationId": op.id}, nil
}

func (s *Service) configure(c *wire.Call, previous *Stack) (Config, error) {
	r, err := s.readRequest(c, previous)
	if err != nil {
		return Config{}, err
	}
	return s.prepare(r)
}

func updateStack(s *Service, c *wire.Call) (any, error) {
	ref := c.Params.String("StackName")
	st, ok := s.find(place(c), ref)
	if !ok || st.Status == "DELETE_COMPLETE" {
		return nil, wire.Invalid("Stack [%s] does not exist", ref)
	}
	again, err := s.repeated(c)
	if again || err != nil {
		return map[string]any{"StackId": st.ID}, err
	}
	op, err := s.tryUpdate(c, st)
	if err != nil {
		s.forgetToken(c)
		return nil, err
	}
	return map[string]any{"StackId": st.ID, "OperationId": op.id}, nil
}

func (s *Service) tryUpdate(c *wire.Call, st *Stack) (*operation, error) {
	if err := updatable(st); err != nil {
		return nil, err
	}
	if err := paused(st, c.Params.Bool("DisableRollback")); err != nil {
		return nil, err
	}
	config, err := s.configure(c, st)
	if err != nil {
		return nil, err
	}
	changes, err := s.plan(st, config)
	if err != nil {
		return nil, err
	}
	if len(changes) == 0 && !s.otherwiseChanged(st, config) {
		return nil, wire.Invalid("No updates are to be performed.")
	}
	for _, cs := range st.ChangeSets {
		if cs.Execution == "AVAILABLE" {
			cs.Execution = "OBSOLETE"
		}
	}
	op := &operation{token: c.Params.String("ClientRequestToken"), noRollback: c.Params.Bool("DisableRollback")}
	return s.startUpdate(st, op, config), nil
}

func deleteStack(s *Service, c *wire.Call) (any, error) {
	st, ok := s.find(place(c), c.Params.String("StackName"))
	if !ok || st.Status == "DELETE_COMPLETE" {
		return map[string]any{}, nil
	}
	again, err := s.repeated(c)
	if again || err != nil {
		return map[string]any{}, err
	}
	if err := deletable(st, c); err != nil {
		s.forgetToken(c)
		return nil, err
	}
	if st.Status == "DELETE_IN_PROGRESS" {
		return map[string]any{}, nil
	}
	if role := c.Params.String("RoleARN"); role != "" {
		st.RoleARN = role
	}
	s.startDelete(st, &operation{token: c.Params.String("ClientRequestToken")}, c.Params.Strings("RetainResources"))
	return map[string]any{}, nil
}

func deletable(st *Stack, c *wire.Call) error {
	switch {
	case st.Protected:
		return wire.Invalid("Stack [%s] cannot be deleted while TerminationProtection is enabled", st.ID)
	case st.inProgress() && st.Status != "CREATE_IN_PROGRESS" && st.Status != "DELETE_IN_PROGRESS":
		return wire.Invalid("Stack [%s] cannot be deleted while in status %s", st.ID, st.Status)
	case len(c.Params.Strings("RetainResources")) > 0 && st.Status != "DELETE_FAILED":
		return wire.Invalid("Invalid operation on stack [%s]. Specify which resources to retain only when the stack is in the DELETE_FAILED state.", st.ID)
	}
	return nil
}

func cancelUpdateStack(s *Service, c *wire.Call) (any, error) {
	st, err := s.mustFind(place(c), c.Params.String("StackName"))
	if err != nil {
		return nil, err
	}
	if st.Status != "UPDATE_IN_PROGRESS" || st.current.settled {
		return nil, wire.Invalid("CancelUpdateStack cannot be called from current stack status")
	}
	// From here on the events are of the request to cancel.
	st.current.userCancelled, st.current.token = true, c.Params.String("ClientRequestToken")
	st.current.cancel()
	return map[string]any{}, nil
}

func rollbackStack(s *Service, c *wire.Call) (any, error) {
	st, err := s.mustFind(place(c), c.Params.String("StackName"))
	if err != nil {
		return nil, err
	}
	switch st.Status {
	case "CREATE_FAILED", "UPDATE_FAILED", "ROLLBACK_FAILED", "UPDATE_ROLLBACK_FAILED":
	default:
		return nil, wire.Invalid("Stack:%s is in %s state and can not be rolled back.", st.ID, st.Status)
	}
	if again, err := s.repeated(c); again || err != nil {
		return map[string]any{"StackId": st.ID}, err
	}
	op := &operation{kind: "ROLLBACK", token: c.Params.String("ClientRequestToken"), retainNew: c.Params.Bool("RetainExceptOnCreate")}
	s.startRollback(st, op, nil)
	return map[string]any{"StackId": st.ID, "OperationId": op.id}, nil
}

func continueUpdateRollback(s *Service, c *wire.Call) (any, error) {
	st, err := s.mustFind(place(c), c.Params.String("StackName"))
	if err != nil {
		return nil, err
	}
	if st.Status != "UPDATE_ROLLBACK_FAILED" {
		return nil, wire.Invalid("Stack:%s is in %s state and can not continue rolling back.", st.ID, st.Status)
	}
	if again, err := s.repeated(c); again || err != nil {
		return map[string]any{}, err
	}
	skip := c.Params.Strings("ResourcesToSkip")
	if err := checkSkipped(st, skip); err != nil {
		s.forgetToken(c)
		return nil, err
	}
	op := &operation{kind: "CONTINUE_ROLLBACK", token: c.Params.String("ClientRequestToken")}
	s.startRollback(st, op, skip)
	return map[string]any{"OperationId": op.id}, nil
}

func updateTerminationProtection(s *Service, c *wire.Call) (any, error) {
	st, err := s.mustFind(place(c), c.Params.String("StackName"))
	if err != nil {
		return nil, err
	}
	st.Protected = c.Params.Bool("EnableTerminationProtection")
	return map[string]any{"StackId": st.ID}, nil
}

func setStackPolicy(s *Service, c *wire.Call) (any, error) {
	st, err := s.mustFind(place(c), c.Params.String("StackName"))
	if err != nil {
		return nil, err
	}
	st.Policy = c.Params.String("StackPolicyBody")
	return map[string]any{}, nil
}

func getStackPolicy(s *Service, c *wire.Call) (any, error) {
	st, err := s.mustFind(place(c), c.Params.String("StackName"))
	if err != nil {
		return nil, err
	}
	return map[string]any{"StackPolicyBody": orNil(st.Policy)}, nil
}
