// Package checks has what the scripts of Go clients share: checks that print a line each.
package checks

import (
	"fmt"
	"os"
	"reflect"
	"runtime/debug"
	"strings"
	"time"
)

// Bootstrap is where the broker listens.
var Bootstrap = os.Getenv("BOOTSTRAP")

var (
	run  = fmt.Sprintf("%x", time.Now().UnixNano())
	held = true
	ran  = 0
)

// Fresh is a name of a topic or group that no other run has used.
func Fresh(what string) string { return what + "-" + run }

type failure string

// Expect ends a check that found something else than it wanted.
func Expect(what string, found, wanted any) {
	if !reflect.DeepEqual(found, wanted) {
		panic(failure(fmt.Sprintf("%s: found %.400v, expected %.400v", what, found, wanted)))
	}
}

// Must ends a check that met an error.
func Must(err error) {
	if err != nil {
		panic(failure(fmt.Sprintf("%T: %v\n%s", err, err, debug.Stack())))
	}
}

// Got is the value of a call that may fail.
func Got[T any](value T, err error) T {
	Must(err)
	return value
}

// Until waits for something to become true.
func Until(what string, holds func() bool) {
	for end := time.Now().Add(30 * time.Second); !holds(); time.Sleep(20 * time.Millisecond) {
		if time.Now().After(end) {
			panic(failure("after 30 s still not: " + what))
		}
	}
}

// Check prints whether something holds.
func Check(name string, check func()) {
	if !strings.Contains(name, os.Getenv("ONLY")) {
		return
	}
	ran++
	defer func() {
		why := recover()
		if why == nil {
			fmt.Println("ok " + name)
			return
		}
		held = false
		if _, ours := why.(failure); !ours {
			fmt.Fprintf(os.Stderr, "%s\n", debug.Stack())
		}
		text := fmt.Sprint(why)
		fmt.Fprintln(os.Stderr, text)
		fmt.Printf("FAILED %s: %s\n", name, strings.SplitN(text, "\n", 2)[0])
	}()
	check()
}

// Done ends the program.
func Done() {
	if !held || ran == 0 {
		os.Exit(1)
	}
	os.Exit(0)
}
