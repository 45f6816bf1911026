// A small probe of the golden corpus: a gauge with a label, a counter, a histogram, a check, state, a log line.
#include <stdlib.h>
#include <string.h>

#include "probity.h"

#define TEXT(text) (&(probity_string_t){(uint8_t *)(text), strlen(text)})
#define LABEL(text) (&(probity_list_string_t){TEXT(text), 1})
#define NO_LABELS (&(probity_list_string_t){NULL, 0})

typedef failure_own_failure_t failure_t;

static metrics_own_gauge_t gauge;
static metrics_own_counter_t counter;
static metrics_own_histogram_t histogram;
static health_own_check_t check;

bool exports_collector_start(failure_t *failure) {
    double bounds[] = {1, 10};
    probity_list_f64_t buckets = {bounds, 2};
    log_log(LOG_LEVEL_INFO, TEXT("watching nothing"));
    return metrics_static_gauge_define(TEXT("golden_depth"), TEXT(""), TEXT("Help."), LABEL("queue"), &gauge, failure) &&
           metrics_static_counter_define(TEXT("golden_runs_total"), TEXT(""), TEXT("Help."), NO_LABELS, &counter, failure) &&
           metrics_static_histogram_define(TEXT("golden_wait_seconds"), TEXT("seconds"), TEXT("Help."), NO_LABELS, &buckets,
                                           &histogram, failure) &&
           health_static_check_define(TEXT("golden"), TEXT("Title"), &check, failure);
}

bool exports_collector_collect(failure_t *failure) {
    probity_string_t seen;
    if (state_get_text(TEXT("seen"), &seen))
        probity_string_free(&seen);
    health_method_check_report(health_borrow_check(check), HEALTH_STATUS_PASS, TEXT("all is well"));
    return metrics_method_gauge_set(metrics_borrow_gauge(gauge), LABEL("mail"), 7, failure) &&
           metrics_method_counter_add(metrics_borrow_counter(counter), NO_LABELS, 1, failure) &&
           metrics_method_histogram_observe(metrics_borrow_histogram(histogram), NO_LABELS, 2.5, failure) &&
           state_put_text(TEXT("seen"), TEXT("yes"), failure);
}
