#include "core/kinds/conform.hpp"

#include <limits>
#include <vector>

#include "core/kinds/base64.hpp"
#include "core/kinds/builtin.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/json_erase.hpp"
#include "core/kinds/parse.hpp"
#include "core/kinds/quantity.hpp"
#include "core/kinds/time_fault.hpp"
#include "core/kinds/time_text.hpp"

namespace keelson::kinds {
namespace {

constexpr int kResourceExponent = -3;   // amounts in resource lists are whole thousandths

// The walk's position: names for complaints, and the struct that a Go decoder would name.
struct Place {
  const Place* up = nullptr;
  std::string_view name;               // empty for list elements
  std::size_t index = 0;
  const Type* owner = nullptr;         // of the field
  const Field* field = nullptr;

  std::string path() const {
    if (!up) return {};
    auto text = up->path();
    if (name.data() == nullptr) return text + "[" + std::to_string(index) + "]";
    return text.append(text.empty() ? "" : ".").append(name);
  }
  // Of the structs and fields that a Go decoder goes through; positions in lists and keys of maps are not among them.
  std::string go_path() const {
    if (!up) return {};
    auto text = up->go_path();
    if (!owner) return text;
    if (field && field->go_embedded) text.append(text.empty() ? "" : ".").append(builtin_go_name(field->go_embedded));
    return text.append(text.empty() ? "" : ".").append(name);
  }
  const Place* nearest_field() const {
    const Place* at = this;
    while (at->up && !at->owner) at = at->up;
    return at;
  }
};

std::string_view short_name(std::string_view type_name) {
  const auto dot = type_name.rfind('.');
  return dot == std::string_view::npos ? type_name : type_name.substr(dot + 1);
}

// "core/v1.PodSpec" is v1.PodSpec in Go.
std::string go_type(const Type& type) {
  switch (type.shape) {
    case Shape::string: return "string";
    case Shape::boolean: return "bool";
    case Shape::int32: return "int32";
    case Shape::int64: return "int64";
    case Shape::float64: return "float64";
    case Shape::bytes: return "[]uint8";
    case Shape::list: return "[]" + (type.element ? go_type(*type.element) : "interface {}");
    case Shape::map: return "map[string]" + (type.element ? go_type(*type.element) : "interface {}");
    case Shape::object: {
      const auto slash = type.name.find('/');
      return std::string(slash == std::string_view::npos ? type.name : type.name.substr(slash + 1));
    }
    case Shape::quantity: return "resource.Quantity";
    case Shape::time: return "v1.Time";
    case Shape::micro_time: return "v1.MicroTime";
    case Shape::duration: return "v1.Duration";
    case Shape::int_or_string: return "intstr.IntOrString";
    default: return "interface {}";
  }
}

// Of "[]v1.IPFamily" and "map[v1.ResourceName]v1.ClaimResourceStatus" what is inside; a name says nothing of its elements.
std::string_view go_element(std::string_view type) {
  return type.starts_with('[') || type.starts_with("map[") ? type.substr(type.find(']') + 1) : std::string_view();
}

// Of the value there, which the type describes: by the name that its field gives it.
std::string go_type(const Type& type, const Place& place) {
  const Place* field = place.nearest_field();
  auto name = field->field ? builtin_go_name(field->field->go_type) : std::string_view();
  for (const Place* at = &place; at != field; at = at->up) name = go_element(name);
  return name.empty() ? go_type(type) : std::string(name);
}

std::string quoted(std::string_view text) { return "\"" + std::string(text) + "\""; }

class Walk {
 public:
  Walk(Conformed& result, bool report) : result_(result), report_(report) {}

  // Custom resources keep what has the wrong type (validation speaks about it) and null where the schema allows it.
  bool value(const Type& type, json::value& value, const Place& place, bool custom) {
    switch (type.shape) {
      case Shape::object: return object(type, value, place, custom);
      case Shape::map: return map(type, value, place, custom);
      case Shape::list: return list(type, value, place, custom);
      case Shape::raw:
      case Shape::any: return true;
      default: return custom || scalar(type, value, place);
    }
  }

 private:
  bool object(const Type& type, json::value& value, const Place& place, bool custom) {
    auto* members = value.if_object();
    if (!members) return custom || mismatch(type, value, place);
    std::vector<std::size_t> gone;
    for (auto at = members->begin(); at != members->end(); ++at) {
      const auto drop = [&] { gone.push_back(static_cast<std::size_t>(at - members->begin())); };
      const std::string_view key(at->key().data(), at->key().size());
      const auto* field = find_field(type, key);
      const Place here{&place, key, 0, &type, field};
      if (field) {
        if (at->value().is_null() && (!custom || !field->nullable)) {
          drop();
          continue;
        }
        if (!this->value(*field->type, at->value(), here, custom && !builtin_inside(*field->type))) return false;
      } else if (type.element) {
        if (!this->value(*type.element, at->value(), here, custom)) return false;
      } else {
        complain(here);
        drop();
      }
    }
    erase_members(*members, gone);
    return true;
  }

  static bool builtin_inside(const Type& type) { return type.name == "meta/v1.ObjectMeta"; }

  bool map(const Type& type, json::value& value, const Place& place, bool custom) {
    auto* members = value.if_object();
    if (!members) return custom || mismatch(type, value, place);
    if (!type.element) return true;
    for (auto& [key, element] : *members) {
      const Place here{&place, key, 0, nullptr};
      if (element.is_null() && !custom) zero(*type.element, element);
      if (!this->value(*type.element, element, here, custom)) return false;
      if (type.element->shape == Shape::quantity && !custom) round_up(element);
    }
    return true;
  }

  bool list(const Type& type, json::value& value, const Place& place, bool custom) {
    auto* elements = value.if_array();
    if (!elements) return custom || mismatch(type, value, place);
    if (!type.element) return true;
    std::size_t index = 0;
    for (auto& element : *elements) {
      const Place here{&place, {}, index++, nullptr};
      if (element.is_null() && !custom) zero(*type.element, element);
      if (!this->value(*type.element, element, here, custom)) return false;
    }
    return true;
  }

  // What a null element of a Go list or map becomes.
  static void zero(const Type& type, json::value& value) {
    switch (type.shape) {
      case Shape::string:
      case Shape::bytes: value.emplace_string(); return;
      case Shape::boolean: value = false; return;
      case Shape::int32:
      case Shape::int64: value = 0; return;
      case Shape::quantity: value = "0"; return;
      case Shape::object: value.emplace_object(); return;
      default: return;
    }
  }

  static void round_up(json::value& value) {
    auto amount = Quantity::parse(text_of(&value));
    if (!amount) return;
    amount->round_up(kResourceExponent);
    replace(value, amount->text());
  }

  static void replace(json::value& value, const std::string& text) {
    if (text_of(&value) != text) value = json::string(text, value.storage());
  }

  bool scalar(const Type& type, json::value& value, const Place& place) {
    switch (type.shape) {
      case Shape::string: return value.is_string() || mismatch(type, value, place);
      case Shape::boolean: return value.is_bool() || mismatch(type, value, place);
      case Shape::int32: return integer(type, value, place, std::numeric_limits<std::int32_t>::min(), std::numeric_limits<std::int32_t>::max());
      case Shape::int64: return integer(type, value, place, std::numeric_limits<std::int64_t>::min(), std::numeric_limits<std::int64_t>::max());
      case Shape::float64: return value.is_number() || mismatch(type, value, place);
      case Shape::bytes: return bytes(type, value, place);
      case Shape::quantity: return quantity(value);
      case Shape::int_or_string: return int_or_string(value, place);
      case Shape::time:
      case Shape::micro_time: return time(type, value, place);
      case Shape::duration: return duration(value, place);
      default: return true;
    }
  }

  bool integer(const Type& type, json::value& value, const Place& place, std::int64_t least, std::int64_t most) {
    if (value.is_int64() && value.get_int64() >= least && value.get_int64() <= most) return true;
    if (value.is_uint64() && value.get_uint64() <= static_cast<std::uint64_t>(most)) {
      value = static_cast<std::int64_t>(value.get_uint64());
      return true;
    }
    return mismatch(type, value, place);
  }

  bool bytes(const Type& type, json::value& value, const Place& place) {
    if (value.is_array()) return bytes_of_list(value, place);
    if (!value.is_string()) return mismatch(type, value, place);
    std::size_t at = 0;
    const auto text = text_of(&value);
    const auto decoded = base64_decode(text, &at);
    if (!decoded) return fault("illegal base64 data at input byte " + std::to_string(at));
    if (text.find_first_of("\r\n") != std::string_view::npos) replace(value, base64_encode(*decoded));
    return true;
  }

  // Go's decoder takes the numbers of bytes as well.
  bool bytes_of_list(json::value& value, const Place& place) {
    std::string read;
    for (const auto& element : value.get_array()) {
      const auto number = element.is_null() ? 0 : element.is_int64() ? element.get_int64() : -1;
      if (number < 0 || number > std::numeric_limits<std::uint8_t>::max()) return mismatch(word_and_number(element), "uint8", place);
      read += static_cast<char>(number);
    }
    value = json::string(base64_encode(read), value.storage());
    return true;
  }

  bool quantity(json::value& value) {
    std::string_view why = "quantities must match the regular expression '^([+-]?[0-9.]+)([eEinumkKMGTP]*[-+]?[0-9]*)$'";
    if (value.is_structured()) return fault(std::string(why));
    const auto amount = Quantity::parse(scalar_text(&value), &why);
    if (!amount) return fault(std::string(why));
    replace(value, amount->text());
    return true;
  }

  bool int_or_string(json::value& value, const Place& place) {
    if (value.is_string()) return true;
    constexpr std::int64_t most = std::numeric_limits<std::int32_t>::max(), least = std::numeric_limits<std::int32_t>::min();
    if (value.is_int64() && value.get_int64() <= most && value.get_int64() >= least) return true;
    return mismatch(word_and_number(value), "int32", place);
  }

  bool time(const Type& type, json::value& value, const Place& place) {
    if (!value.is_string()) return mismatch(std::string(go_word(value)), "string", place);
    const bool micro = type.shape == Shape::micro_time;
    const auto text = text_of(&value);
    const auto instant = parse_time(text);
    if (!instant) {
      auto why = time_fault(text, micro);
      return fault(why.empty() ? "parsing time " + quoted(text) + ": out of range" : std::move(why));
    }
    constexpr std::size_t kCanonicalBytes = 20;   // 2006-01-02T15:04:05Z, as nearly all are that are written again
    const bool canonical = !micro && text.size() == kCanonicalBytes && text[10] == 'T';
    if (!canonical) replace(value, micro ? micro_time_text(*instant) : time_text(instant->seconds));
    return true;
  }

  bool duration(json::value& value, const Place& place) {
    if (!value.is_string()) return mismatch(std::string(go_word(value)), "string", place);
    const auto nanos = parse_duration(text_of(&value));
    if (!nanos) return fault("time: invalid duration " + quoted(text_of(&value)));
    replace(value, duration_text(*nanos));
    return true;
  }

  static std::string word_and_number(const json::value& value) {
    std::string word(go_word(value));
    return value.is_number() ? word + " " + scalar_text(&value) : word;
  }

  bool mismatch(const Type& type, const json::value& value, const Place& place) {
    const bool wants_integer = type.shape == Shape::int32 || type.shape == Shape::int64;
    return mismatch(wants_integer ? word_and_number(value) : std::string(go_word(value)), go_type(type, place), place);
  }

  // What is there, and what Go wanted.
  bool mismatch(const std::string& what, const std::string& wanted, const Place& place) {
    const auto* field = place.nearest_field();
    const auto where = field->owner ? "struct field " + std::string(short_name(field->owner->name)) + "." + field->go_path() : "value";
    return fault("json: cannot unmarshal " + what + " into Go " + where + " of type " + wanted);
  }

  bool fault(std::string text) {
    result_.fault = std::move(text);
    return false;
  }

  void complain(const Place& place) {
    if (report_ && result_.unknown.size() < kComplaintsMax) result_.unknown.push_back("unknown field " + quoted(place.path()));
  }

  Conformed& result_;
  bool report_;
};

}  // namespace

std::string_view go_word(const json::value& value) {
  switch (value.kind()) {
    case json::kind::string: return "string";
    case json::kind::bool_: return "bool";
    case json::kind::object: return "object";
    case json::kind::array: return "array";
    case json::kind::null: return "null";
    default: return "number";
  }
}

Conformed conform(const Kind& kind, json::value& object, bool report_unknown) {
  Conformed result;
  if (!kind.type) return result;
  Walk(result, report_unknown).value(*kind.type, object, Place{}, kind.strategy.custom_resource);
  return result;
}

Conformed conform_type(const Type& type, json::value& value, bool report_unknown) {
  Conformed result;
  Walk(result, report_unknown).value(type, value, Place{}, false);
  return result;
}

}  // namespace keelson::kinds
