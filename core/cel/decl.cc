#include "core/cel/decl.hpp"

#include <algorithm>

#include "core/cel/escape.hpp"

namespace keelson::cel {
namespace {

// Sizes of JSON, in bytes.
constexpr std::int64_t kTextBytesMin = 2, kBoolBytesMin = 4, kNumberBytesMin = 1, kDurationBytesMin = 3, kDateBytes = 12, kDateTimeBytesMin = 21,
                       kDateTimeBytesMax = 32, kDurationBytesMax = 32, kBracketBytes = 2, kEntryBytes = 6;
// A character has up to four bytes.
constexpr std::int64_t kCharacterBytesMax = 4;

std::uint64_t limit(std::int64_t value) { return static_cast<std::uint64_t>(std::max<std::int64_t>(value, 0)); }

std::uint64_t text_bytes(const SchemaFacts& facts) {
  if (facts.max_length >= 0) return limit(facts.max_length) * kCharacterBytesMax;
  if (facts.longest_enum >= 0) return limit(facts.longest_enum);
  return kRequestBytesMax - kBracketBytes;
}

}  // namespace

Decl* Decls::put(SchemaNode node, const Type* type, std::uint64_t elements_max, std::int64_t json_bytes_min) {
  auto* decl = arena_.make<Decl>();
  *decl = {type, node, elements_max, json_bytes_min, nullptr};
  return decl;
}

const Decl* Decls::make_list(SchemaNode node, const SchemaFacts& facts, const std::string& name) {
  const auto element_node = node.source->element(node.handle);
  const auto* element = element_node ? make(element_node, name + ".@idx") : nullptr;
  if (element == nullptr) return nullptr;
  const auto most = facts.max_items >= 0 ? facts.max_items : (kRequestBytesMax - kBracketBytes) / (element->json_bytes_min + 1);
  auto* decl = put(node, types_.list(element->type), limit(most), kBracketBytes);
  decl->element = element;
  return decl;
}

const Decl* Decls::make_map(SchemaNode node, const SchemaFacts& facts, const std::string& name) {
  const auto element_node = node.source->element(node.handle);
  const auto* element = element_node ? make(element_node, name + ".@elem") : nullptr;
  if (element == nullptr) return nullptr;
  const auto most = facts.max_properties >= 0 ? facts.max_properties : (kRequestBytesMax - kBracketBytes) / (element->json_bytes_min + kEntryBytes);
  auto* decl = put(node, types_.map(simple(TypeKind::string), element->type), limit(most), kBracketBytes);
  decl->element = element;
  return decl;
}

const Decl* Decls::make_object(SchemaNode node, const std::string& name) {
  auto* decl = put(node, nullptr, 0, kBracketBytes);
  decl->type = types_.object(name, decl);
  node.source->required_fields(node.handle, [&](std::string_view field, SchemaNode child) {
    const auto* made = make(child, name + "." + std::string(field));
    if (made != nullptr) decl->json_bytes_min += static_cast<std::int64_t>(field.size()) + made->json_bytes_min + 4;
  });
  return decl;
}

const Decl* Decls::make_simple(SchemaNode node, const SchemaFacts& facts) {
  switch (facts.shape) {
    case SchemaShape::any: return put(node, simple(TypeKind::dyn), kRequestBytesMax - kBracketBytes, 1);
    case SchemaShape::int_or_string:
      return put(node, simple(TypeKind::dyn), facts.max_length >= 0 ? text_bytes(facts) : kRequestBytesMax - kBracketBytes, 1);
    case SchemaShape::boolean: return put(node, simple(TypeKind::boolean), 0, kBoolBytesMin);
    case SchemaShape::integer: return put(node, simple(TypeKind::int64), 0, kNumberBytesMin);
    case SchemaShape::number: return put(node, simple(TypeKind::float64), 0, kNumberBytesMin);
    case SchemaShape::string: return put(node, simple(TypeKind::string), text_bytes(facts), kTextBytesMin);
    case SchemaShape::bytes:
      return put(node, simple(TypeKind::bytes), facts.max_length >= 0 ? limit(facts.max_length) : kRequestBytesMax - kBracketBytes, kTextBytesMin);
    case SchemaShape::duration: return put(node, simple(TypeKind::duration), kDurationBytesMax, kDurationBytesMin);
    case SchemaShape::date: return put(node, simple(TypeKind::timestamp), kDateBytes, kDateBytes);
    case SchemaShape::date_time: return put(node, simple(TypeKind::timestamp), kDateTimeBytesMax, kDateTimeBytesMin);
    default: return nullptr;
  }
}

const Decl* Decls::make(SchemaNode node, const std::string& name) {
  const auto facts = node.source->facts(node.handle);
  switch (facts.shape) {
    case SchemaShape::list: return make_list(node, facts, name);
    case SchemaShape::map: return make_map(node, facts, name);
    case SchemaShape::object: return make_object(node, name);
    default: return make_simple(node, facts);
  }
}

const Decl* Decls::field(const Decl& decl, std::string_view identifier) {
  if (!decl.node || decl.type->kind != TypeKind::object) return nullptr;
  auto [place, fresh] = fields_.try_emplace({&decl, std::string(identifier)}, nullptr);
  if (!fresh) return place->second;
  std::string name, again;
  if (!decl.node.source->escapes_names()) name = identifier;
  else if (!unescape(identifier, name) || !escape(name, again) || again != identifier) return nullptr;
  const auto node = decl.node.source->field(decl.node.handle, name);
  if (!node) return nullptr;
  const auto* made = make(node, std::string(decl.type->name) + "." + std::string(identifier));
  fields_[{&decl, std::string(identifier)}] = made;
  return made;
}

}  // namespace keelson::cel
