// The probe {{name}}. Everything that it may ask and answer is in the module .probity/go, which the build writes.
package main

import (
	"probity"
	"probity/config"
	"probity/health"
	"probity/metrics"
)

// probe is what is defined once: it stays as it is while this instance lives.
type probe struct {
	answer *metrics.Gauge
	check  *health.Check
}

func init() {
	probity.Serve(&probe{})
}

// main is never run, and Go wants it.
func main() {}

// Start runs once in each instance.
func (p *probe) Start() (err error) {
	if p.answer, err = metrics.GaugeDefine("{{metric}}_answer", "", "The answer.", []string{"asked_by"}).Get(); err != nil {
		return err
	}
	p.check, err = health.CheckDefine("answer", "There is an answer").Get()
	return err
}

// Collect runs on schedule. What it sets counts only if it returns nil.
func (p *probe) Collect() error {
	who := config.Get("who").Or("nobody")
	if err := p.answer.Set([]string{who}, 42).Failure(); err != nil {
		return err
	}
	p.check.Report(health.StatusPass, "42")
	return nil
}
