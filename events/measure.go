package events

// ImpactScope says what an impact covers.
type ImpactScope string

// What an impact covers.
const (
	ImpactStage    ImpactScope = "stage"
	ImpactIncident ImpactScope = "incident"
	ImpactTotal    ImpactScope = "total"
)

func (ImpactScope) enum() []string { return names(ImpactStage, ImpactIncident, ImpactTotal) }

// ImpactBound says how sure a number is.
type ImpactBound string

// How sure a number is.
const (
	BoundExact    ImpactBound = "exact"
	BoundUpper    ImpactBound = "upper"
	BoundLower    ImpactBound = "lower"
	BoundEstimate ImpactBound = "estimate"
)

func (ImpactBound) enum() []string { return names(BoundExact, BoundUpper, BoundLower, BoundEstimate) }

// ImpactAssessed is the data of impact.assessed.
type ImpactAssessed struct {
	Common
	Scope        ImpactScope `json:"scope,omitzero" req:"yes" doc:"what it covers"`
	Users        *Count      `json:"users,omitzero" req:"users or requests" doc:"users affected"`
	Requests     *Count      `json:"requests,omitzero" req:"users or requests" doc:"requests affected"`
	Affected     *Count      `json:"affected,omitzero" doc:"x in x of y"`
	Total        *Count      `json:"total,omitzero" doc:"y in x of y"`
	Minutes      *float64    `json:"minutes,omitzero" doc:"how long, in minutes"`
	Bound        ImpactBound `json:"bound,omitzero" doc:"how sure the numbers are; exact when not given"`
	Escalations  *Count      `json:"escalations,omitzero" doc:"escalations it caused"`
	SupportCases *Count      `json:"support_cases,omitzero" doc:"support cases it caused"`
}

// Match says how far a rollout's shape fitted its risk.
type Match string

// How far something fitted.
const (
	MatchYes    Match = "yes"
	MatchNo     Match = "no"
	MatchPartly Match = "partly"
)

func (Match) enum() []string { return names(MatchYes, MatchNo, MatchPartly) }

// RolloutReviewed is the data of rollout.reviewed.
type RolloutReviewed struct {
	Common
	ShapeMatchedRisk Match    `json:"shape_matched_risk,omitzero" req:"yes" doc:"whether the steps fitted the risk"`
	Lessons          []string `json:"lessons,omitzero" doc:"what was learnt"`
}

// CoverageReached is the data of coverage.reached.
type CoverageReached struct {
	Common
	Percent *Percent `json:"percent,omitzero" req:"yes" doc:"share that is covered"`
	Basis   string   `json:"basis,omitzero" doc:"share of what, counted how"`
}

// CohortEnrolled is the data of cohort.enrolled. Its time is when the number
// began to hold.
type CohortEnrolled struct {
	Common
	Devices *Count `json:"devices,omitzero" req:"yes" doc:"devices enrolled from then on, or the difference"`
	Users   *Count `json:"users,omitzero" doc:"users enrolled from then on, or the difference"`
	Delta   *bool  `json:"delta,omitzero" doc:"true: the numbers are a difference, not the new total"`
	Mode    string `json:"mode,omitzero" doc:"the mode they are enrolled in, as in lockdown"`
}

// ExposureKind says what was counted.
type ExposureKind string

// What exposure can be counted in.
const (
	ExposureChanges     ExposureKind = "changes"
	ExposureDeployments ExposureKind = "deployments"
	ExposureDevices     ExposureKind = "devices"
	ExposureRequests    ExposureKind = "requests"
	ExposureTickets     ExposureKind = "tickets"
)

func (ExposureKind) enum() []string {
	return names(ExposureChanges, ExposureDeployments, ExposureDevices, ExposureRequests, ExposureTickets)
}

// ExposureReported is the data of exposure.reported.
type ExposureReported struct {
	Common
	Kind          ExposureKind `json:"kind,omitzero" req:"yes" doc:"what was counted"`
	Period        *Span        `json:"period,omitzero" req:"yes" doc:"over what time"`
	Count         *Count       `json:"count,omitzero" req:"yes" doc:"how many"`
	Scope         string       `json:"scope,omitzero" req:"yes" doc:"of which system, as in service/web or all"`
	SourceOfCount string       `json:"source_of_count,omitzero" doc:"where the count comes from"`
}
