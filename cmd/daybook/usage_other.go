//go:build !linux

package main

import "time"

func processorTime() time.Duration { return 0 }

func forgetPeak() {}

func peakBytes() int64 { return 0 }
