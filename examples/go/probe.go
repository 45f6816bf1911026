// A probe in Go: watches a small text file that holds one queue a line, `NAME DEPTH WAITED_SECONDS`.
//
//	probity build examples/go
package main

import (
	"errors"
	"fmt"
	"os"
	"slices"
	"strconv"
	"strings"
	"syscall"

	"probity"
	"probity/config"
	"probity/failure"
	"probity/health"
	"probity/log"
	"probity/metrics"
	"probity/state"
)

// queue is what the configuration says, and what is defined once: both stay as they are while this instance lives.
type queue struct {
	file      string
	warn      float64
	misbehave string
	depth     *metrics.Gauge
	highest   *metrics.Gauge
	polls     *metrics.Counter
	wait      *metrics.Histogram
	backlog   *health.Check
}

func init() {
	probity.Serve(&queue{})
}

// main is never run, and Go wants it.
func main() {}

// Start reads the configuration and defines everything: what is defined here is kept, for Go drops it only when it collects.
func (q *queue) Start() (err error) {
	if err := q.configure(); err != nil {
		return err
	}
	if q.depth, err = metrics.GaugeDefine("queue_depth", "", "Entries that wait.", []string{"queue"}).Get(); err != nil {
		return err
	}
	if q.highest, err = metrics.GaugeDefine("queue_depth_highest", "", "Most entries that ever waited.", []string{"queue"}).Get(); err != nil {
		return err
	}
	if q.polls, err = metrics.CounterDefine("queue_polls_total", "", "Times the queues were read.", nil).Get(); err != nil {
		return err
	}
	bounds := []float64{0.1, 1, 10, 60}
	if q.wait, err = metrics.HistogramDefine("queue_wait_seconds", "seconds", "How long entries waited.", nil, bounds).Get(); err != nil {
		return err
	}
	if q.backlog, err = health.CheckDefine("backlog", "Queues are short").Get(); err != nil {
		return err
	}
	log.Log(log.LevelInfo, "watching "+q.file)
	return nil
}

func (q *queue) configure() error {
	q.file = config.Get("file").Or("")
	if q.file == "" {
		return failure.FailureBadConfig("`file` must be given: an absolute path")
	}
	if !strings.HasPrefix(q.file, "/") {
		return failure.FailureBadConfig(fmt.Sprintf("`file` must be an absolute path, not %q", q.file))
	}
	warn := config.Get("warn").Or("100")
	var err error
	if q.warn, err = strconv.ParseFloat(warn, 64); err != nil || !(q.warn > 0) {
		return failure.FailureBadConfig(fmt.Sprintf("`warn` must be a number above 0, not %q", warn))
	}
	q.misbehave = config.Get("misbehave").Or("")
	if !slices.Contains([]string{"", "trap", "spin", "fail", "flood"}, q.misbehave) {
		return failure.FailureBadConfig(fmt.Sprintf("`misbehave` must be trap, spin, fail or flood, not %q", q.misbehave))
	}
	return nil
}

// Collect takes all lines of the file.
func (q *queue) Collect() error {
	content, err := os.ReadFile(q.file)
	if err != nil {
		return q.unreadable(err)
	}
	queues, longest := 0, entry{}
	for number, line := range strings.Split(string(content), "\n") {
		fields := strings.Fields(line)
		if len(fields) == 0 || strings.HasPrefix(fields[0], "#") {
			continue
		}
		one, ok := parse(fields)
		if !ok {
			const expected = "%s, line %d: expected NAME DEPTH WAITED_SECONDS, such as mail 12 3.5"
			return failure.FailureUnavailable(fmt.Sprintf(expected, q.file, number+1))
		}
		if err := q.write(one); err != nil {
			return err
		}
		if queues++; queues == 1 || one.depth > longest.depth {
			longest = one
		}
	}
	if err := q.polls.Add(nil, 1).Failure(); err != nil {
		return err
	}
	q.report(queues, longest)
	return q.doWrong()
}

// unreadable says whether the operator has to grant the file. Go finds nothing open that leads to what is not granted.
func (q *queue) unreadable(err error) error {
	if errors.Is(err, os.ErrPermission) || errors.Is(err, syscall.EBADF) {
		return failure.FailureDenied(fmt.Sprintf("%s is not granted: add grant = { read = [%q] }", q.file, q.file))
	}
	return failure.FailureUnavailable(err.Error())
}

// entry is one line of the file.
type entry struct {
	name   string
	depth  uint64
	waited float64
}

func parse(fields []string) (entry, bool) {
	if len(fields) != 3 {
		return entry{}, false
	}
	depth, badDepth := strconv.ParseUint(fields[1], 10, 32)
	waited, badWaited := strconv.ParseFloat(fields[2], 64)
	return entry{fields[0], depth, waited}, badDepth == nil && badWaited == nil && waited >= 0
}

// write writes one queue's numbers. The highest depth that it ever had outlives traps, reloads and restarts.
func (q *queue) write(one entry) error {
	labels := []string{one.name}
	if err := q.depth.Set(labels, float64(one.depth)).Failure(); err != nil {
		return err
	}
	if err := q.wait.Observe(nil, one.waited).Failure(); err != nil {
		return err
	}
	key := "highest/" + one.name
	highest, err := strconv.ParseUint(state.GetText(key).Or(""), 10, 32)
	if err != nil || one.depth > highest {
		highest = one.depth
		if err := state.PutText(key, strconv.FormatUint(highest, 10)).Failure(); err != nil {
			return err
		}
	}
	return q.highest.Set(labels, float64(highest)).Failure()
}

func (q *queue) report(queues int, longest entry) {
	switch {
	case queues == 0:
		q.backlog.Report(health.StatusPass, "no queues")
	case float64(longest.depth) >= q.warn:
		message := fmt.Sprintf("%s has %d: warns from %v", longest.name, longest.depth, q.warn)
		q.backlog.Report(health.StatusWarn, message)
	case queues == 1:
		q.backlog.Report(health.StatusPass, fmt.Sprintf("1 queue, the longest is %s with %d", longest.name, longest.depth))
	default:
		message := fmt.Sprintf("%d queues, the longest is %s with %d", queues, longest.name, longest.depth)
		q.backlog.Report(health.StatusPass, message)
	}
}

// doWrong does wrong on purpose what the configuration asks for: what the conformance suite needs, and no other probe.
func (q *queue) doWrong() error {
	switch q.misbehave {
	case "trap":
		panic("asked to trap")
	case "spin":
		for {
		}
	case "fail":
		return failure.FailureOther("asked to fail")
	case "flood":
		for range 20 {
			log.Log(log.LevelInfo, "flooding")
		}
	}
	return nil
}
