// The probe `{{name}}`. Everything that it may ask and answer is declared, with comments, in .probity/c/probity.h, which the build writes.
#include <string.h>

#include "probity.h"

// Text of C as the host wants it: borrowed for the call.
#define TEXT(text) (&(probity_string_t){(uint8_t *)(text), strlen(text)})

// Defined once: both stay as they are while this instance lives.
static metrics_own_gauge_t answer;
static health_own_check_t check;

// Runs once in each instance.
bool exports_collector_start(failure_own_failure_t *failure) {
    probity_list_string_t labels = {TEXT("asked_by"), 1};
    return metrics_static_gauge_define(TEXT("{{metric}}_answer"), TEXT(""), TEXT("The answer."), &labels, &answer, failure) &&
           health_static_check_define(TEXT("answer"), TEXT("There is an answer"), &check, failure);
}

// Runs on schedule. What it sets counts only if it answers true.
bool exports_collector_collect(failure_own_failure_t *failure) {
    probity_string_t who = *TEXT("nobody"), given;
    bool is_given = config_get(TEXT("who"), &given);
    if (is_given)
        who = given;
    probity_list_string_t labels = {&who, 1};
    bool is_set = metrics_method_gauge_set(metrics_borrow_gauge(answer), &labels, 42, failure);
    if (is_given)
        probity_string_free(&given);
    if (!is_set)
        return false;
    health_method_check_report(health_borrow_check(check), HEALTH_STATUS_PASS, TEXT("42"));
    return true;
}
