// The probe `{{name}}`. Everything that it may ask and answer is described in .probity/wit, which the build writes. The names of its
// interfaces are modules here; a call that fails throws an object whose `payload` is the failure.
import config from 'probity:host/config@0.1.0';
import health from 'probity:health/health@0.1.0';
import metrics from 'probity:metrics/metrics@0.1.0';

// Defined once: both stay as they are while this instance lives.
let answer, check;

export const collector = {
  // Runs once in each instance.
  start() {
    answer = metrics.Gauge.define('{{metric}}_answer', '', 'The answer.', ['asked_by']);
    check = health.Check.define('answer', 'There is an answer');
  },

  // Runs on schedule. What it sets counts only if nothing is thrown.
  collect() {
    const who = config.get('who') ?? 'nobody';
    answer.set([who], 42);
    check.report('pass', '42');
  },
};
