package cloud

// StoppedTasks are the tasks that ECS has stopped and the task definitions that
// they ran, in ECS's own words: nothing runs here, so that somebody has to say.
type StoppedTasks struct {
	Tasks       []map[string]any `json:"tasks"`
	Definitions []map[string]any `json:"taskDefinitions"`
}

// SetStoppedTasks says what ECS has stopped.
func (c *Cloud) SetStoppedTasks(place Place, s StoppedTasks) {
	c.mu.Lock()
	defer c.mu.Unlock()
	if c.stopped == nil {
		c.stopped = map[Place]StoppedTasks{}
	}
	c.stopped[place] = s
}

// Stopped are the tasks that SetStoppedTasks told of.
func (c *Cloud) Stopped(place Place) StoppedTasks {
	c.mu.Lock()
	defer c.mu.Unlock()
	return c.stopped[place]
}
