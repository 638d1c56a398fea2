package events

// DrillConducted is the data of drill.conducted.
type DrillConducted struct {
	Common
	Kind     string   `json:"kind,omitzero" req:"yes" doc:"what was exercised, as in kill_switch or rollback"`
	Result   string   `json:"result,omitzero" req:"yes" doc:"how it went"`
	Duration *Seconds `json:"duration,omitzero" doc:"how long it took"`
	CommsOK  *bool    `json:"comms_ok,omitzero" doc:"whether the messages went out as planned"`
	Complete *bool    `json:"complete,omitzero" doc:"whether every step was done"`
	Load     string   `json:"load,omitzero" doc:"under what load"`
	Findings []string `json:"findings,omitzero" doc:"what turned up"`
}

func drillFamily() family {
	return family{name: "drill", types: []spec{
		of[DrillConducted](spec{short: "drill.conducted", may: "drill, flag, rollback, environment, service, region",
			meaning:  "A way back was exercised on purpose. Drills stay out of every rate.",
			practice: "Emergency kill switch: regular drills under realistic conditions check timing, communication and completeness.",
			example:  `"drill":"DR-4","flag":"waf","environment":"staging","authid":"u-9","data":{"kind":"kill_switch","result":"passed","duration":11,"comms_ok":true,"complete":true,"load":"half of peak"}`}),
	}}
}
