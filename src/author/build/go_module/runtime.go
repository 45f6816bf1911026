// Package runtime gives memory to calls between a probe and its host, and keeps the handles of what the host holds.
//
// The bindings call it; a probe does not.
package runtime

import (
	"runtime"
	"unsafe"
)

// Handle is the host's number for a resource, 0 once it was given away.
type Handle struct {
	value int32
}

// MakeHandle keeps a number that the host gave.
func MakeHandle(value int32) *Handle {
	handle := &Handle{}
	handle.Set(value)
	return handle
}

// Use gives the number for one call.
func (handle *Handle) Use() int32 {
	if handle.value == 0 {
		panic("probity: this was given away or dropped before")
	}
	return handle.value
}

// Take gives the number away, with the resource.
func (handle *Handle) Take() int32 {
	value := handle.Use()
	handle.value = 0
	return value
}

// TakeOrNil is Take for a handle that may be empty.
func (handle *Handle) TakeOrNil() int32 {
	value := handle.value
	handle.value = 0
	return value
}

// Set fills an empty handle.
func (handle *Handle) Set(value int32) {
	if value == 0 || handle.value != 0 {
		panic("probity: the host gave a handle out of turn")
	}
	handle.value = value
}

// Allocate makes room that stays where it is until the pinner lets go.
func Allocate(pinner *runtime.Pinner, size, align uintptr) unsafe.Pointer {
	if size == 0 {
		return nil
	}
	pointer := room(size)
	pinner.Pin(pointer)
	return pointer
}

// room makes memory aligned for whatever WebAssembly has.
func room(size uintptr) unsafe.Pointer {
	return unsafe.Pointer(unsafe.SliceData(make([]uint64, (size+7)/8)))
}

// What the host wrote in answer to calls since the last Unpin. The collector must not take it before Go has seen it.
var answers []unsafe.Pointer

// Unpin leaves the host's answers to the collector.
func Unpin() {
	clear(answers)
	answers = answers[:0]
}

// WASI's adapter asks for memory before Go's own runtime can give any, and keeps it for good: two pages and a little more.
var early [192 << 10]byte
var earlyUsed uintptr
var started = false

func init() {
	started = true
}

//go:wasmexport cabi_realloc
func cabiRealloc(old unsafe.Pointer, oldSize, align, size uintptr) unsafe.Pointer {
	if old != nil || oldSize != 0 {
		panic("probity: answers never grow")
	}
	if started {
		pointer := room(size)
		answers = append(answers, pointer)
		return pointer
	}
	base := uintptr(unsafe.Pointer(&early))
	at := (base+earlyUsed+align-1)&^(align-1) - base
	earlyUsed = at + size
	return unsafe.Pointer(&early[at : at+size : at+size][0])
}
