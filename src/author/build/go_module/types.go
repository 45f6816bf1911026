// Package types holds what calls to the host answer with.
package types

// Unit is the value of a call that only succeeds or fails.
type Unit struct{}

// The tags are the bindings'.
const (
	OptionNone = 0
	OptionSome = 1
	ResultOk   = 0
	ResultErr  = 1
)

// Option is a value, or nothing.
type Option[T any] struct {
	some  bool
	value T
}

// Some is an Option with a value.
func Some[T any](value T) Option[T] {
	return Option[T]{true, value}
}

// None is an Option without one.
func None[T any]() Option[T] {
	return Option[T]{}
}

// Get gives the value, and whether there is one.
func (option Option[T]) Get() (T, bool) {
	return option.value, option.some
}

// Or gives the value, or another one where there is none.
func (option Option[T]) Or(other T) T {
	if option.some {
		return option.value
	}
	return other
}

// Some gives the value. It panics where there is none: see Get.
func (option Option[T]) Some() T {
	if !option.some {
		panic("probity: there is no value")
	}
	return option.value
}

// Tag is OptionNone or OptionSome.
func (option Option[T]) Tag() uint8 {
	if option.some {
		return OptionSome
	}
	return OptionNone
}

// Result is a value, or why there is none.
type Result[T any, E any] struct {
	failed  bool
	value   T
	failure E
}

// Ok is a Result with a value.
func Ok[T any, E any](value T) Result[T, E] {
	return Result[T, E]{value: value}
}

// Err is a Result without one.
func Err[T any, E any](failure E) Result[T, E] {
	return Result[T, E]{failed: true, failure: failure}
}

// Get gives the value and the failure, as Go's functions do: the error is nil where there is a value.
func (result Result[T, E]) Get() (T, error) {
	return result.value, result.Failure()
}

// Failure is why the call failed, nil when it did not. The host's failures are errors, and so is whatever else has the method.
func (result Result[T, E]) Failure() error {
	if !result.failed {
		return nil
	}
	if failure, is := any(result.failure).(error); is {
		return failure
	}
	return failed[E]{result.failure}
}

// Ok gives the value. It panics where there is none: see Get.
func (result Result[T, E]) Ok() T {
	if result.failed {
		panic("probity: the call failed")
	}
	return result.value
}

// Err gives the failure. It panics where there is none: see Failure.
func (result Result[T, E]) Err() E {
	if !result.failed {
		panic("probity: the call succeeded")
	}
	return result.failure
}

// Tag is ResultOk or ResultErr.
func (result Result[T, E]) Tag() uint8 {
	if result.failed {
		return ResultErr
	}
	return ResultOk
}

// failed is a failure of an interface that has no text for it.
type failed[E any] struct {
	// Value is what the call answered.
	Value E
}

func (failed[E]) Error() string {
	return "the host refused the call"
}
