package main

import (
	"io"

	"github.com/schollz/progressbar/v3"
	"github.com/spf13/cobra"
)

// newBar shows progress where a person is looking, and nothing elsewhere.
func newBar(cmd *cobra.Command, total int64, what string) *progressbar.ProgressBar {
	w := cmd.ErrOrStderr()
	if !isTerminal(w) || settingsOf(cmd).JSON {
		w = io.Discard
	}
	return progressbar.NewOptions64(total,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription(shorten(clean(what), 30)),
		progressbar.OptionShowBytes(true),
		progressbar.OptionSetWidth(30),
		progressbar.OptionThrottle(100e6),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionUseANSICodes(false),
		progressbar.OptionSetVisibility(w != io.Discard),
	)
}

// verifyBar shows progress where a person is looking.
func verifyBar(cmd *cobra.Command) *progressbar.ProgressBar {
	w := cmd.ErrOrStderr()
	visible := isTerminal(w) && !settingsOf(cmd).JSON
	return progressbar.NewOptions64(-1,
		progressbar.OptionSetWriter(w),
		progressbar.OptionSetDescription("verifying"),
		progressbar.OptionShowCount(),
		progressbar.OptionThrottle(100e6),
		progressbar.OptionClearOnFinish(),
		progressbar.OptionSetVisibility(visible),
	)
}
