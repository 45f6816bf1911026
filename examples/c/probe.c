// A probe in C: watches a small text file that holds one queue a line, `NAME DEPTH WAITED_SECONDS`.
//
//   probity build examples/c
//
// Everything that it may ask and answer is declared, with comments, in .probity/c/probity.h, which the build writes.
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <wasi/libc-find-relpath.h>

#include "probity.h"

// Text of C as the host wants it: borrowed for the call.
#define TEXT(text) (&(probity_string_t){(uint8_t *)(text), strlen(text)})
// A metric's only label, its key or its value.
#define LABEL(text) (&(probity_list_string_t){TEXT(text), 1})
#define NO_LABELS (&(probity_list_string_t){NULL, 0})

typedef failure_own_failure_t failure_t;
typedef failure_t reason_t(probity_string_t *message);

// What the configuration says, and what is defined once: both stay as they are while this instance lives.
static struct {
    char *file;
    double warn;
    char *misbehave;
    metrics_own_gauge_t depth, highest;
    metrics_own_counter_t polls;
    metrics_own_histogram_t wait;
    health_own_check_t backlog;
} probe;

// Gives a failure for `reason` with a message as printf makes it. Always false, the answer of whoever fails.
__attribute__((format(printf, 3, 4))) static bool fail(failure_t *failure, reason_t *reason, const char *format, ...) {
    char message[1024];
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, sizeof message, format, arguments);
    va_end(arguments);
    *failure = reason(TEXT(message));
    return false;
}

// The value of a key as text of C, which the caller owns, or NULL.
static char *config(const char *key) {
    probity_string_t value;
    if (!config_get(TEXT(key), &value))
        return NULL;
    char *text = strndup((char *)value.ptr, value.len);
    probity_string_free(&value);
    return text;
}

static bool configure(failure_t *failure) {
    probe.file = config("file");
    if (!probe.file)
        return fail(failure, failure_static_failure_bad_config, "`file` must be given: an absolute path");
    if (probe.file[0] != '/')
        return fail(failure, failure_static_failure_bad_config, "`file` must be an absolute path, not \"%s\"", probe.file);
    probe.warn = 100;
    char *warn = config("warn");
    if (warn) {
        char *end;
        probe.warn = strtod(warn, &end);
        if (end == warn || *end || !(probe.warn > 0))
            return fail(failure, failure_static_failure_bad_config, "`warn` must be a number above 0, not \"%s\"", warn);
        free(warn);
    }
    probe.misbehave = config("misbehave");
    const char *known[] = {"trap", "spin", "fail", "flood"};
    bool is_known = !probe.misbehave;
    for (int i = 0; i < 4 && !is_known; i++)
        is_known = strcmp(probe.misbehave, known[i]) == 0;
    if (!is_known)
        return fail(failure, failure_static_failure_bad_config,
                    "`misbehave` must be trap, spin, fail or flood, not \"%s\"", probe.misbehave);
    return true;
}

bool exports_collector_start(failure_t *failure) {
    if (!configure(failure))
        return false;
    double bounds[] = {0.1, 1, 10, 60};
    probity_list_f64_t buckets = {bounds, 4};
    bool defined =
        metrics_static_gauge_define(TEXT("queue_depth"), TEXT(""), TEXT("Entries that wait."), LABEL("queue"),
                                    &probe.depth, failure) &&
        metrics_static_gauge_define(TEXT("queue_depth_highest"), TEXT(""), TEXT("Most entries that ever waited."),
                                    LABEL("queue"), &probe.highest, failure) &&
        metrics_static_counter_define(TEXT("queue_polls_total"), TEXT(""), TEXT("Times the queues were read."),
                                      NO_LABELS, &probe.polls, failure) &&
        metrics_static_histogram_define(TEXT("queue_wait_seconds"), TEXT("seconds"), TEXT("How long entries waited."),
                                        NO_LABELS, &buckets, &probe.wait, failure) &&
        health_static_check_define(TEXT("backlog"), TEXT("Queues are short"), &probe.backlog, failure);
    if (!defined)
        return false;
    char line[1024];
    snprintf(line, sizeof line, "watching %s", probe.file);
    log_log(LOG_LEVEL_INFO, TEXT(line));
    return true;
}

// Opens the file, or says why not: whether the operator has to grant it, or it is not there.
static FILE *open_file(failure_t *failure) {
    FILE *file = fopen(probe.file, "r");
    if (file)
        return file;
    int error = errno;
    const char *folder;
    char buffer[1024], *rest = buffer;
    bool granted = __wasilibc_find_relpath(probe.file, &folder, &rest, sizeof buffer) >= 0;
    if (!granted || error == EACCES || error == EPERM)
        fail(failure, failure_static_failure_denied, "%s is not granted: add grant = { read = [\"%s\"] }", probe.file,
             probe.file);
    else
        fail(failure, failure_static_failure_unavailable, "%s: %s", probe.file, strerror(error));
    return NULL;
}

// One line of the file.
struct queue {
    const char *name;
    unsigned depth;
    double waited;
};

// Whether a line says what it should. `queue->name` is NULL for a line without a queue; it points into the line.
static bool parse(char *line, struct queue *queue) {
    const char *blanks = " \t\r\n";
    char *rest, *end;
    queue->name = strtok_r(line, blanks, &rest);
    if (!queue->name || queue->name[0] == '#') {
        queue->name = NULL;
        return true;
    }
    char *depth = strtok_r(NULL, blanks, &rest), *waited = strtok_r(NULL, blanks, &rest);
    if (!waited || strtok_r(NULL, blanks, &rest) || depth[0] < '0' || depth[0] > '9')
        return false;
    queue->depth = strtoul(depth, &end, 10);
    if (*end)
        return false;
    queue->waited = strtod(waited, &end);
    return !*end && queue->waited >= 0;
}

// Writes the highest depth that this queue ever had, which outlives traps, reloads and restarts.
static bool note_highest(const struct queue *queue, failure_t *failure) {
    char key[256], text[16] = "";
    snprintf(key, sizeof key, "highest/%s", queue->name);
    probity_string_t kept;
    if (state_get_text(TEXT(key), &kept)) {
        snprintf(text, sizeof text, "%.*s", (int)kept.len, kept.ptr);
        probity_string_free(&kept);
    }
    unsigned highest = strtoul(text, NULL, 10);
    if (!text[0] || queue->depth > highest) {
        highest = queue->depth;
        snprintf(text, sizeof text, "%u", highest);
        if (!state_put_text(TEXT(key), TEXT(text), failure))
            return false;
    }
    return metrics_method_gauge_set(metrics_borrow_gauge(probe.highest), LABEL(queue->name), highest, failure);
}

// What all lines together say.
struct summary {
    int queues;
    unsigned depth;
    char longest[200];
};

static bool take_line(char *line, int number, struct summary *summary, failure_t *failure) {
    struct queue queue;
    if (!parse(line, &queue))
        return fail(failure, failure_static_failure_unavailable,
                    "%s, line %d: expected NAME DEPTH WAITED_SECONDS, such as mail 12 3.5", probe.file, number);
    if (!queue.name)
        return true;
    if (!summary->queues++ || queue.depth > summary->depth) {
        summary->depth = queue.depth;
        snprintf(summary->longest, sizeof summary->longest, "%s", queue.name);
    }
    return metrics_method_gauge_set(metrics_borrow_gauge(probe.depth), LABEL(queue.name), queue.depth, failure) &&
           metrics_method_histogram_observe(metrics_borrow_histogram(probe.wait), NO_LABELS, queue.waited, failure) &&
           note_highest(&queue, failure);
}

static void report(const struct summary *summary) {
    char message[512] = "no queues";
    bool warns = summary->queues > 0 && summary->depth >= probe.warn;
    if (warns)
        snprintf(message, sizeof message, "%s has %u: warns from %.15g", summary->longest, summary->depth, probe.warn);
    else if (summary->queues > 0)
        snprintf(message, sizeof message, "%d queue%s, the longest is %s with %u", summary->queues,
                 summary->queues == 1 ? "" : "s", summary->longest, summary->depth);
    health_method_check_report(health_borrow_check(probe.backlog), warns ? HEALTH_STATUS_WARN : HEALTH_STATUS_PASS,
                               TEXT(message));
}

// Does wrong on purpose what the configuration asks for: what the conformance suite needs, and no other probe.
static bool misbehave(failure_t *failure) {
    if (!probe.misbehave)
        return true;
    if (strcmp(probe.misbehave, "trap") == 0)
        abort();
    for (volatile int spin = 0; strcmp(probe.misbehave, "spin") == 0; spin++)
        ;
    if (strcmp(probe.misbehave, "fail") == 0)
        return fail(failure, failure_static_failure_other, "asked to fail");
    for (int line = 0; line < 20; line++)
        log_log(LOG_LEVEL_INFO, TEXT("flooding"));
    return true;
}

bool exports_collector_collect(failure_t *failure) {
    FILE *file = open_file(failure);
    if (!file)
        return false;
    struct summary summary = {0};
    char *line = NULL;
    size_t room = 0;
    bool taken = true;
    for (int number = 1; taken && getline(&line, &room, file) >= 0; number++)
        taken = take_line(line, number, &summary, failure);
    if (taken && ferror(file))
        taken = fail(failure, failure_static_failure_unavailable, "%s: %s", probe.file, strerror(errno));
    free(line);
    fclose(file);
    if (!taken || !metrics_method_counter_add(metrics_borrow_counter(probe.polls), NO_LABELS, 1, failure))
        return false;
    report(&summary);
    return misbehave(failure);
}
