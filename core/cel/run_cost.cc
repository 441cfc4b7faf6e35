// What calls cost once their arguments are known.
#include <cmath>

#include "core/cel/cost_range.hpp"
#include "core/cel/plan.hpp"

namespace keelson::cel {
namespace {

std::uint64_t size(const Value& value) {
  if (value.kind == Kind::optional) return value.inner == nullptr ? 1 : size(*value.inner);
  if (value.kind == Kind::opaque) return value.opaque->size();
  const auto size = size_of(value);
  return size == kNoSize ? 1 : size;
}

std::uint64_t scan(std::uint64_t size, double factor = kCharacterCost) { return CostRange::scale(size, factor); }

// Nested values are no deeper than the expression or the request that made them.
std::uint64_t traverse(const Value& value, Arena& arena) {
  switch (value.kind) {
    case Kind::string: case Kind::bytes: return static_cast<std::uint64_t>(static_cast<double>(value.length) * kCharacterCost);
    case Kind::list: {
      std::uint64_t cost = 0;
      for (std::size_t i = 0; i < value.list->size(); ++i) cost += traverse(value.list->at(i, arena), arena);
      return cost;
    }
    case Kind::map: {
      std::uint64_t cost = 0;
      for (std::size_t i = 0; i < value.map->size(); ++i)
        cost += traverse(value.map->key_at(i, arena), arena) + traverse(value.map->value_at(i, arena), arena);
      return cost;
    }
    default: return 1;
  }
}

std::uint64_t pattern(const Value& text, const Value& pattern) {
  return CostRange::multiply(scan(size(text) + 1), scan(size(pattern), kPatternCharacterCost));
}

std::uint64_t list_call(double factor, std::uint64_t count) {
  return static_cast<std::uint64_t>(static_cast<double>(count) * factor) + 1 + kListCost;
}

std::uint64_t self_compare(const Value& list, Arena& arena) {
  const auto count = size(list);
  if (count == 0 || list.kind != Kind::list) return list_call(2, 0);
  const auto first = list.list->at(0, arena).kind;
  const bool text = first == Kind::string || first == Kind::bytes;
  return list_call(text ? 2 + kCharacterCost : 2, CostRange::multiply(count, count));
}

std::uint64_t equality(std::span<const Value> args) {
  if (args[0].kind == Kind::opaque) return 1;
  return scan(std::min(size(args[0]), size(args[1])));
}

std::uint64_t covering(Cost cost, std::span<const Value> args) {
  const auto own = size(args[0]);
  auto total = scan(own + own);
  if (cost == Cost::contains_cidr || cost == Cost::contains_cidr_text) total += scan(own) + 1;
  if (cost == Cost::contains_ip_text || cost == Cost::contains_cidr_text) total += scan(size(args[1]));
  return total;
}

std::uint64_t list_function(Cost cost, std::span<const Value> args, const Value& result, Arena& arena) {
  switch (cost) {
    case Cost::slice: case Cost::range: case Cost::reverse: return list_call(1, size(result));
    case Cost::flatten: return list_call(args.size() == 2 && args[1].kind == Kind::int64 ? static_cast<double>(args[1].integer) : 1.0, size(args[0]));
    case Cost::distinct: case Cost::sort: case Cost::sort_text: return self_compare(args[0], arena);
    case Cost::sort_by: case Cost::sort_by_text: return self_compare(args[1], arena);
    case Cost::sets_once: return 1 + CostRange::multiply(size(args[0]), size(args[1]));
    case Cost::sets_twice: return 1 + 2 * CostRange::multiply(size(args[0]), size(args[1]));
    default: return 1;
  }
}

}  // namespace

std::uint64_t call_cost(Cost cost, std::span<const Value> args, const Value& result, Arena& arena) {
  switch (cost) {
    case Cost::unit: return 1;
    case Cost::authorizer_check: return kAuthorizerCheckCost;
    case Cost::selector: {
      const auto length = size(args[1]);
      return kListCost + scan(length) + CostRange::scale(CostRange::scale(length, kRequirementsPerCharacter), kRequirementCost);
    }
    case Cost::traverse: return traverse(args[0], arena);
    case Cost::affix: return scan(size(args[1]));
    case Cost::scan: case Cost::string_to_bytes: case Cost::bytes_to_string: case Cost::quote: case Cost::format:
      return scan(size(args[0]));
    case Cost::rewrite: return scan(size(args[0]), 2 * kCharacterCost);
    case Cost::join: return scan(size(result), 2 * kCharacterCost);
    case Cost::canonical: return scan(size(args[0]), 2 * kCharacterCost);
    case Cost::find: case Cost::matches: return pattern(args[0], args[1]);
    case Cost::contains: return scan(size(args[0])) * scan(size(args[1]));
    case Cost::contains_ip: case Cost::contains_ip_text: case Cost::contains_cidr: case Cost::contains_cidr_text: return covering(cost, args);
    case Cost::validate: return CostRange::multiply(scan(size(args[1]) + 1), scan(size(args[0]), kPatternCharacterCost));
    case Cost::in_list: return size(args[1]);
    case Cost::compare_text: case Cost::equals: return equality(args);
    case Cost::add_text: return scan(size(args[0]) + size(args[1]));
    default: return list_function(cost, args, result, arena);
  }
}

}  // namespace keelson::cel
