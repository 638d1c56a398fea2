package main

import (
	"encoding/json"
	"fmt"
	"io"
	"slices"
	"strings"

	"github.com/spf13/cobra"

	"github.com/daybookhq/daybook/events"
	"github.com/daybookhq/daybook/events/timeline"
)

func newEventsCmd() *cobra.Command {
	return group(&cobra.Command{
		Use:   "events",
		Short: "Explain the types of event: what each means and carries",
		Example: `  daybook events list --family emergency
  daybook events describe emergency.declared`,
	}, newEventsListCmd(), newEventsDescribeCmd())
}

func newEventsListCmd() *cobra.Command {
	var family string
	cmd := &cobra.Command{
		Use:     "list",
		Short:   "List the types of event",
		Example: "  daybook events list --family hatch\n  daybook events list --json",
		Args:    arguments(0, 0, "no arguments"),
		RunE: func(cmd *cobra.Command, _ []string) error {
			if family != "" && !slices.Contains(events.Families(), family) {
				hint := ""
				if near := events.NearestOf(family, events.Families()); near != "" {
					hint = "did you mean " + near + "? "
				}
				return usagef("%q is no family of events; %sthere are: %s", family, hint, strings.Join(events.Families(), ", "))
			}
			list := events.Catalogue()
			if family != "" {
				list = slices.DeleteFunc(list, func(d events.Descriptor) bool { return d.Family != family })
			}
			if settingsOf(cmd).JSON {
				return printJSON(cmd.OutOrStdout(), list)
			}
			rows := make([][]string, len(list))
			for i, d := range list {
				rows[i] = []string{d.Short, d.Family, d.Meaning}
			}
			return table(cmd.OutOrStdout(), []string{"TYPE", "FAMILY", "WHAT HAPPENED"}, rows)
		},
	}
	cmd.Flags().StringVar(&family, "family", "", "only the types of one family: "+strings.Join(events.Families(), ", "))
	return cmd
}

func newEventsDescribeCmd() *cobra.Command {
	var schema bool
	cmd := &cobra.Command{
		Use:   "describe TYPE",
		Short: "Explain one type: its fields, the practice behind it, an example",
		Example: `  daybook events describe rollback.planned
  daybook events describe flag.flipped --schema > flag.flipped.schema.json`,
		Args: arguments(1, 1, "one TYPE, as in flag.flipped"),
		ValidArgsFunction: func(*cobra.Command, []string, string) ([]string, cobra.ShellCompDirective) {
			var names []string
			for _, d := range events.Catalogue() {
				names = append(names, d.Short+"\t"+d.Meaning)
			}
			return names, cobra.ShellCompDirectiveNoFileComp
		},
		RunE: func(cmd *cobra.Command, args []string) error {
			d, ok := events.Lookup(args[0])
			if !ok {
				if near := events.Nearest(args[0]); near != "" {
					return usagef("%q is not a type of event; did you mean %s?", args[0], near)
				}
				return usagef("%q is not a type of event; see daybook events list", args[0])
			}
			w := cmd.OutOrStdout()
			switch {
			case schema:
				_, err := w.Write(events.Schema(d))
				return err
			case settingsOf(cmd).JSON:
				return printJSON(w, d)
			}
			return describeEvent(w, d)
		},
	}
	cmd.Flags().BoolVar(&schema, "schema", false, "print the JSON Schema of a complete event")
	return cmd
}

// describeEvent explains a type to a person.
func describeEvent(w io.Writer, d events.Descriptor) error {
	by := ""
	if d.Ledger {
		by = " Only the ledger itself writes it."
	}
	if _, err := fmt.Fprintf(w, "%s\n\n%s%s\n\n%s\n\nFields (* a complete record has it, + it has one of these):\n\n", paint(w, bold, d.Type()), d.Meaning, by, d.Practice); err != nil {
		return err
	}
	var rows, common [][]string
	var enums []events.Field
	for _, f := range d.Fields {
		row := []string{fieldMark(f) + fieldName(f), f.Type(), f.Meaning}
		if f.Common && !f.Required {
			common = append(common, row)
		} else {
			rows = append(rows, row)
		}
		if len(f.Enum) > 0 {
			enums = append(enums, f)
		}
	}
	if err := table(w, []string{"  FIELD", "TAKES", "HOLDS"}, append(rows, common...)); err != nil {
		return err
	}
	for i, f := range enums {
		if i == 0 {
			fmt.Fprintln(w)
		}
		fmt.Fprintf(w, "%s is one of: %s\n", f.Name, strings.Join(f.Enum, ", "))
	}
	return printExample(w, d)
}

func printExample(w io.Writer, d events.Descriptor) error {
	if !d.Ledger {
		line, err := exampleLine(d)
		if err != nil {
			return fmt.Errorf("the example of %s: %w", d.Short, err)
		}
		if _, err := fmt.Fprintf(w, "\nAs a line of a timeline:\n\n  %s\n", line); err != nil {
			return err
		}
	}
	pretty, err := json.MarshalIndent(json.RawMessage(d.Example), "  ", "  ")
	if err != nil {
		return fmt.Errorf("the example of %s: %w", d.Short, err)
	}
	_, err = fmt.Fprintf(w, "\nAs a CloudEvent:\n\n  %s\n", pretty)
	return err
}

// exampleLine is the example as somebody would type it: an id only where
// other events cite it.
func exampleLine(d events.Descriptor) (string, error) {
	e, err := events.Parse(d.Example)
	if err != nil {
		return "", err
	}
	e.Source = timeline.DefaultSource
	if strings.HasPrefix(e.ID, "example") {
		if e.ID, err = timeline.ContentID(e); err != nil {
			return "", err
		}
	}
	if e, err = e.Checked(); err != nil {
		return "", err
	}
	return strings.TrimSpace(string(timeline.Format([]events.Event{e}))), nil
}

// fieldName is how the field is called on a command line.
func fieldName(f events.Field) string {
	if f.Name == "authid" {
		return "actor"
	}
	return f.Name
}

func fieldMark(f events.Field) string {
	switch {
	case f.Required:
		return "* "
	case f.AnyOf != "":
		return "+ "
	}
	return "  "
}
