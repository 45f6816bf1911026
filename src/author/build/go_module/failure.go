package failure

import "errors"

// Error is the failure's message: a Failure is an error like any other.
func (self *Failure) Error() string {
	return self.Message()
}

// Of makes a Failure of an error: itself where it is one or wraps one, `other` with the error's text where not.
func Of(err error) *Failure {
	var failure *Failure
	if err == nil || errors.As(err, &failure) && failure.Error() == err.Error() {
		return failure
	}
	if failure != nil {
		// What was said around it is worth more than the host's own word for it.
		return again(failure.Code(), err.Error())
	}
	return FailureOther(err.Error())
}

func again(code string, message string) *Failure {
	switch code {
	case "not-applicable":
		return FailureNotApplicable(message)
	case "bad-config":
		return FailureBadConfig(message)
	case "denied":
		return FailureDenied(message)
	case "unavailable":
		return FailureUnavailable(message)
	}
	return FailureOther(message)
}
