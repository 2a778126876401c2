package cloud

import (
	"fmt"
	"math/big"
	"slices"
	"time"
)

// Cost is an amount of money that an account owes.
type Cost struct {
	// Date is the day, as 2026-11-24. A cost without one is owed in each
	// period that somebody asks for, however long it is.
	Date    string            `json:"date,omitempty"`
	Service string            `json:"service"`
	Amount  string            `json:"amount"`
	Tags    map[string]string `json:"tags,omitempty"`
}

// Validate refuses what cannot be added up.
func (c Cost) Validate() error {
	if _, ok := new(big.Rat).SetString(c.Amount); !ok {
		return fmt.Errorf("amount %q of %q is no number", c.Amount, c.Service)
	}
	if c.Date == "" {
		return nil
	}
	if _, err := time.Parse(time.DateOnly, c.Date); err != nil {
		return fmt.Errorf("date of %q: %w", c.Service, err)
	}
	return nil
}

// Within says whether the cost is owed from start (a date) until before end.
func (c Cost) Within(start, end string) bool { return c.Date == "" || c.Date >= start && c.Date < end }

// SetCosts says what an account owes, instead of what it owed before.
func (c *Cloud) SetCosts(account string, costs []Cost) {
	c.mu.Lock()
	defer c.mu.Unlock()
	c.costs[account] = slices.Clone(costs)
}

// Costs are what an account owes; nothing until SetCosts says something.
func (c *Cloud) Costs(account string) []Cost {
	c.mu.Lock()
	defer c.mu.Unlock()
	return slices.Clone(c.costs[account])
}
