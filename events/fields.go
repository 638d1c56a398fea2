package events

import (
	"reflect"
	"strings"

	"github.com/go-json-experiment/json/jsontext"
)

// enumerated is implemented by the types whose values are a fixed list.
type enumerated interface{ enum() []string }

// dataFields lists the fields of a data struct from its tags: json for the
// name, req for "yes" or a group as in "users or requests", doc for the
// meaning. The fields of Common come last.
func dataFields(t reflect.Type) []Field {
	var own, common []Field
	var walk func(t reflect.Type, index []int, isCommon bool)
	walk = func(t reflect.Type, index []int, isCommon bool) {
		for i := range t.NumField() {
			sf := t.Field(i)
			at := append(append([]int(nil), index...), i)
			if sf.Anonymous {
				walk(sf.Type, at, isCommon || sf.Type == reflect.TypeFor[Common]())
				continue
			}
			name, _, _ := strings.Cut(sf.Tag.Get("json"), ",")
			f := Field{Name: name, In: InData, Meaning: sf.Tag.Get("doc"), Enum: enumOf(sf.Type), Common: isCommon, goType: sf.Type, index: at}
			f.Shape, f.Many = shapeOf(sf.Type)
			switch req := sf.Tag.Get("req"); req {
			case "yes":
				f.Required = true
			default:
				f.AnyOf = req
			}
			if isCommon {
				common = append(common, f)
			} else {
				own = append(own, f)
			}
		}
	}
	walk(t, nil, false)
	return append(own, common...)
}

// enumOf lists the values of an enumeration, or of the items of a list of one.
func enumOf(t reflect.Type) []string {
	if t.Kind() == reflect.Slice {
		t = t.Elem()
	}
	if t.Kind() != reflect.String {
		return nil
	}
	if e, ok := reflect.Zero(t).Interface().(enumerated); ok {
		return e.enum()
	}
	return nil
}

// A Shape says what a field takes, or each of its items.
type Shape string

// The shapes, in the words in which people read them.
const (
	ShapeText     Shape = "text"
	ShapeEnum     Shape = "one of"
	ShapeBool     Shape = "yes or no"
	ShapeNumber   Shape = "number"
	ShapeCount    Shape = "whole number"
	ShapePercent  Shape = "percent"
	ShapeSeconds  Shape = "seconds"
	ShapeLevel    Shape = "level 1 to 4"
	ShapeScalar   Shape = "text, number or yes/no"
	ShapeWhen     Shape = "time or date"
	ShapeSpan     Shape = "from and to"
	ShapeActor    Shape = "actor"
	ShapeEvidence Shape = "evidence"
	ShapeLink     Shape = "link"
	ShapeRef      Shape = "source and id"
	ShapeAmount   Shape = "value and unit"
	ShapeStage    Shape = "stage"
	ShapeSignal   Shape = "signal"
	ShapeAny      Shape = "any value"
)

// How many values a field takes.
const (
	One    = ""
	List   = "list of "
	ByName = "by name: "
)

var shapes = map[reflect.Type]Shape{
	reflect.TypeFor[Actor]():          ShapeActor,
	reflect.TypeFor[Evidence]():       ShapeEvidence,
	reflect.TypeFor[Link]():           ShapeLink,
	reflect.TypeFor[Ref]():            ShapeRef,
	reflect.TypeFor[When]():           ShapeWhen,
	reflect.TypeFor[Span]():           ShapeSpan,
	reflect.TypeFor[Seconds]():        ShapeSeconds,
	reflect.TypeFor[Count]():          ShapeCount,
	reflect.TypeFor[Percent]():        ShapePercent,
	reflect.TypeFor[Level]():          ShapeLevel,
	reflect.TypeFor[Scalar]():         ShapeScalar,
	reflect.TypeFor[Amount]():         ShapeAmount,
	reflect.TypeFor[LadderStage]():    ShapeStage,
	reflect.TypeFor[SheetSignal]():    ShapeSignal,
	reflect.TypeFor[jsontext.Value](): ShapeAny,
	reflect.TypeFor[bool]():           ShapeBool,
	reflect.TypeFor[float64]():        ShapeNumber,
	reflect.TypeFor[string]():         ShapeText,
}

// shapeOf finds the shape of a field's Go type, and how many it takes.
func shapeOf(t reflect.Type) (shape Shape, many string) {
	if s, ok := shapes[t]; ok {
		return s, One
	}
	switch t.Kind() {
	case reflect.Pointer:
		return shapeOf(t.Elem())
	case reflect.Slice:
		shape, _ = shapeOf(t.Elem())
		return shape, List
	case reflect.Map:
		shape, _ = shapeOf(t.Elem())
		return shape, ByName
	case reflect.String:
		return ShapeEnum, One
	}
	return ShapeAny, One
}
