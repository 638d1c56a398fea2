package projections

// models makes all projections, each remembering nothing.
func models(o Options) []model {
	return []model{
		stories{},
		newEmergencies(o.CacheBytes),
		newIncidents(o.CacheBytes),
		newStages(o.CacheBytes),
		newChanges(),
		hatches{},
	}
}
