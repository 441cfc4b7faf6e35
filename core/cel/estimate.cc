#include "core/cel/estimate.hpp"

#include <optional>
#include <unordered_map>
#include <vector>

#include "core/cel/text.hpp"

namespace keelson::cel {
namespace {

using Size = CostRange;

// Upstream declares no size for the keys of maps.
constexpr Decl kMapKey{};

// The sizes of a container's keys and values.
struct Entries {
  bool list = false;
  Size key, value;
  Entries join(const Entries& other) const { return {list, key.join(other.key), value.join(other.value)}; }
};

// Where a value lies in what is declared. Upstream's paths drop their first step, the variable. One that is taken of a value without a
// path (the items of `c ? a : b`) has no variable to drop, so that it stands for the rule's own value.
struct Place {
  bool has_path = false;
  const Decl* decl = nullptr;   ///< null: no path, or one that leads nowhere
};

struct Local {
  std::string_view name;
  Place place;
  std::optional<Size> size;
  std::optional<Entries> entries;
};

struct Known {
  CostRange cost;
  Place place;
  std::optional<Size> size;
  std::optional<Entries> entries;
  bool counted = false;
};

bool scalar(const Type& type) {
  switch (type.kind) {
    case TypeKind::boolean: case TypeKind::float64: case TypeKind::duration: case TypeKind::int64: case TypeKind::timestamp: case TypeKind::uint64:
      return true;
    default: return is_optional(type) && scalar(*type.params[0]);
  }
}

std::uint64_t literal_number(const Expr& e, std::uint64_t otherwise) {
  if (e.form != Expr::Form::literal || e.literal.kind != Kind::int64) return otherwise;
  return e.literal.integer < 0 ? 0 : static_cast<std::uint64_t>(e.literal.integer);
}

// How many pieces of `size` there are, rounded up.
std::uint64_t parts(std::uint64_t whole, std::uint64_t size) { return whole / size + (whole % size != 0); }

struct CallCost {
  CostRange cost;
  std::optional<Size> size;
};

class Estimator {
 public:
  explicit Estimator(Checker& checker) : checker_(checker) {
    for (const auto& variable : checker_.variables())
      if (variable.name == "self") root_ = {true, variable.decl};
  }

  CostRange cost(const Expr& e) {
    auto& known = known_[&e];
    if (known.counted) return known.cost;
    known.counted = true;
    const auto result = count(e);
    known_[&e].cost = result;
    return result;
  }

 private:
  CostRange count(const Expr& e) {
    switch (e.form) {
      case Expr::Form::literal: return {};
      case Expr::Form::ident: return ident(e);
      case Expr::Form::select: return select(e);
      case Expr::Form::call: return call(e);
      case Expr::Form::list: return list(e);
      case Expr::Form::map: return map(e);
      case Expr::Form::construct: return construct(e);
      case Expr::Form::fold: return is_binding(e) ? binding(e) : fold(e);
    }
    return {};
  }

  const Local* local(std::string_view name) const {
    for (auto it = locals_.rbegin(); it != locals_.rend(); ++it)
      if (it->name == name) return &*it;
    return nullptr;
  }

  CostRange ident(const Expr& e) {
    known_[&e].place = place_of(e);
    return CostRange::fixed(1);
  }

  Place place_of(const Expr& e) const {
    if (e.form != Expr::Form::ident) {
      const auto found = known_.find(&e);
      return found == known_.end() ? Place{} : found->second.place;
    }
    if (const auto* bound = local(e.name)) return bound->place;
    for (const auto& variable : checker_.variables())
      if (variable.name == e.name) return {true, variable.decl};
    return {};
  }
  const Decl* decl_of(const Expr& e) const { return place_of(e).decl; }

  // One step from `from`; `decl` is where it leads.
  Place below(const Place& from, const Decl* decl) const { return from.has_path ? Place{true, decl} : root_; }
  Place element_of(const Expr& container) const {
    const auto from = place_of(container);
    return below(from, from.decl != nullptr ? from.decl->element : nullptr);
  }

  CostRange select(const Expr& e) {
    const auto operand = cost(*e.target);
    if (e.test_only) return operand;
    const auto* type = e.target->type;
    const bool counts = type->kind == TypeKind::map || type->kind == TypeKind::object;
    const auto from = place_of(*e.target);
    known_[&e].place = below(from, from.decl != nullptr ? checker_.decls().field(*from.decl, e.name) : nullptr);
    return counts ? operand + CostRange::fixed(1) : operand;
  }

  static std::optional<Size> own_size(const Expr& e) {
    if (e.form == Expr::Form::list) return Size::fixed(e.args.size());
    if (e.form == Expr::Form::map) return Size::fixed(e.args.size() / 2);
    if (e.form != Expr::Form::literal) return std::nullopt;
    const auto size = e.literal.kind == Kind::string || e.literal.kind == Kind::bytes ? size_of(e.literal) : 1;
    return Size::fixed(size);
  }

  std::optional<Size> size(const Expr& e) {
    auto& known = known_[&e];
    if (known.size) return known.size;
    if (const auto own = own_size(e)) return own;
    if (const auto* decl = decl_of(e)) return known.size = Size{0, decl->elements_max};
    if (scalar(*e.type)) return Size::fixed(1);
    if (e.form == Expr::Form::ident)
      if (const auto* bound = local(e.name)) return bound->size;
    return std::nullopt;
  }
  Size size_or_unknown(const Expr& e) { return size(e).value_or(Size::unknown()); }

  std::optional<Entries> entries(const Expr& e) {
    const auto& known = known_[&e];
    if (known.entries) return known.entries;
    if (e.form != Expr::Form::ident) return std::nullopt;
    const auto* bound = local(e.name);
    return bound == nullptr ? std::nullopt : bound->entries;
  }

  CostRange call(const Expr& e) {
    if (e.name == "dyn" && e.args.size() == 1) {
      const auto argument = cost(*e.args[0]);
      auto& known = known_[&e];
      known.size = size(*e.args[0]);
      known_[&e].entries = entries(*e.args[0]);
      return argument + CostRange::fixed(1);
    }
    std::vector<CostRange> costs;
    CostRange arguments;
    for (const auto* arg : e.args) {
      costs.push_back(cost(*arg));
      arguments = arguments + costs.back();
    }
    if (e.overloads.empty() && e.name != op::kOptSelect) return {};
    CostRange total = e.target != nullptr ? cost(*e.target) : CostRange{};
    CostRange most{kUnbounded, 0};
    std::optional<Size> result;
    for (const auto* overload : e.overloads) {
      const auto one = overload_cost(e, *overload, costs, arguments);
      most = most.join(one.cost);
      if (one.size) result = result ? result->join(*one.size) : one.size;
      follow_index(e, *overload, result);
      if (!result) result = size(e);
    }
    if (e.overloads.empty()) most = arguments + CostRange::fixed(1);
    if (result) known_[&e].size = result;
    return total + most;
  }

  void follow_index(const Expr& e, const Overload& overload, std::optional<Size>& result) {
    if ((overload.cost != Cost::index_list && overload.cost != Cost::index_map) || e.args.empty()) return;
    const auto inside = entries(*e.args[0]);
    result = inside ? std::optional(inside->value) : std::nullopt;
    known_[&e].place = element_of(*e.args[0]);
  }

  CallCost overload_cost(const Expr& e, const Overload& overload, const std::vector<CostRange>& costs, const CostRange& arguments) {
    switch (overload.cost) {
      case Cost::logical: return {{costs[0].min, (costs[0] + costs[1]).max}, std::nullopt};
      case Cost::conditional: return conditional(e, costs);
      case Cost::equals: case Cost::compare_text: return {comparison(e) + arguments, std::nullopt};
      default: break;
    }
    auto result = e.target != nullptr ? receiver_cost(e, overload) : free_cost(e, overload);
    result.cost = result.cost + arguments;
    return result;
  }

  CallCost conditional(const Expr& e, const std::vector<CostRange>& costs) {
    const auto yes = entries(*e.args[1]), no = entries(*e.args[2]);
    if (yes && no) known_[&e].entries = yes->join(*no);
    return {costs[0] + costs[1].join(costs[2]), size_or_unknown(*e.args[1]).join(size_or_unknown(*e.args[2]))};
  }

  CostRange comparison(const Expr& e) {
    if (e.name == op::kEquals && same_type(*e.args[0]->type, *e.args[1]->type)) {
      const auto& type = *e.args[0]->type;
      if (type.kind == TypeKind::opaque && !is_optional(type)) return CostRange::fixed(1);
      if (type.kind == TypeKind::object && type.name == "kubernetes.NamedFormat") return CostRange{1, 64} * kCharacterCost;
      if (type.kind == TypeKind::object && type.name == "kubernetes.URL") {
        const auto one = size(*e.args[1]);
        return CostRange{1, one ? one->max : 1} * kCharacterCost;
      }
      if (type.kind == TypeKind::object && type.name.substr(0, 11) == "kubernetes.") return CostRange::fixed(1);
    }
    const auto most = std::min(size_or_unknown(*e.args[0]).max, size_or_unknown(*e.args[1]).max);
    return CostRange{most > 0 ? 1u : 0u, most} * kCharacterCost;
  }

  // What a list's items are as far as sizes go; nothing for other types.
  std::optional<Size> item_size(const Expr& list, const Type*& item) {
    if (list.type->params.empty() || list.type->kind == TypeKind::opaque) return std::nullopt;
    item = list.type->params[0];
    const auto* decl = decl_of(list);
    return decl != nullptr && decl->element != nullptr ? Size{0, decl->element->elements_max} : Size::unknown();
  }

  CostRange traverse(const Expr& target) {
    const Type* item = nullptr;
    const auto one = item_size(target, item);
    if (!one) return size_or_unknown(target) * kCharacterCost;
    auto each = CostRange::fixed(1);
    if (item->kind == TypeKind::string || item->kind == TypeKind::bytes) each = each + *one * kCharacterCost;
    return size_or_unknown(target) * each;
  }

  static CallCost allocating(double factor, const Size& size) { return {size * factor + CostRange::fixed(1) + CostRange::fixed(kListCost), size}; }

  static CostRange pattern_cost(const Size& text, const Size& pattern) {
    return ((text + Size::fixed(1)) * kCharacterCost) * (pattern * kPatternCharacterCost);
  }

  static CallCost replaced(const Size& text, const Size& old, const Size& fresh) {
    Size count, kept;
    if (old.min == 0) {
      count.max = CostRange::add(text.max, 1);
      kept.max = text.max;
    } else if (fresh.max <= old.min) {
      kept.max = text.max;
    } else {
      count.max = parts(text.max, old.min);
    }
    if (old.max == 0) {
      count.min = CostRange::add(text.min, 1);
      kept.min = text.min;
    } else if (old.max <= fresh.min) {
      kept.min = text.min;
    } else {
      count.min = parts(text.min, old.max);
    }
    return {text * (2 * kCharacterCost), count * fresh + kept};
  }

  CallCost joined(const Expr& e) {
    const auto list = size_or_unknown(*e.target);
    Size size;
    const Type* item = nullptr;
    if (const auto one = item_size(*e.target, item)) size = list * *one;
    if (!e.args.empty()) size = size + size_or_unknown(*e.args[0]) * Size{list.min > 0 ? list.min - 1 : 0, list.max > 0 ? list.max - 1 : 0};
    return {size * kCharacterCost, size};
  }

  CallCost split(const Expr& e) {
    const auto text = size_or_unknown(*e.target);
    auto most = text.max;
    if (e.args.size() > 1 && e.args[1]->form == Expr::Form::literal) most = static_cast<std::uint64_t>(e.args[1]->literal.integer);
    return {text * (2 * kCharacterCost), Size{0, most}};
  }

  CallCost receiver_cost(const Expr& e, const Overload& overload) {
    const auto target = [&] { return size_or_unknown(*e.target); };
    const auto argument = [&](std::size_t i) { return size_or_unknown(*e.args[i]); };
    switch (overload.cost) {
      case Cost::authorizer_check: return {CostRange::fixed(kAuthorizerCheckCost), std::nullopt};
      case Cost::selector:
        return {CostRange::fixed(kListCost) + argument(0) * kCharacterCost + (argument(0) * kRequirementsPerCharacter) * kRequirementCost, std::nullopt};
      case Cost::traverse: return {traverse(*e.target), std::nullopt};
      case Cost::scan: return {target() * kCharacterCost, target()};
      case Cost::rewrite: return e.name == "split" ? split(e) : replaced(target(), argument(0), argument(1));
      case Cost::join: return joined(e);
      case Cost::find: return {pattern_cost(target(), argument(0)), Size{0, target().max}};
      case Cost::matches: return {pattern_cost(target(), argument(0)), std::nullopt};
      case Cost::contains: return {(target() * kCharacterCost) * (argument(0) * kCharacterCost), std::nullopt};
      case Cost::contains_ip: case Cost::contains_ip_text: case Cost::contains_cidr: case Cost::contains_cidr_text: return covering(e, overload.cost);
      case Cost::validate: return {(argument(0) * kCharacterCost) * (kFormatPatternMax * kPatternCharacterCost), std::nullopt};
      case Cost::format: return {target() * kCharacterCost, std::nullopt};
      case Cost::affix: return {argument(0) * kCharacterCost, std::nullopt};
      default: return list_cost(e, overload.cost);
    }
  }

  CallCost covering(const Expr& e, Cost kind) {
    constexpr CostRange bytes{4, 16};
    auto cost = (bytes + bytes) * kCharacterCost;
    if (kind == Cost::contains_cidr || kind == Cost::contains_cidr_text) cost = cost + bytes * kCharacterCost + CostRange::fixed(1);
    if (kind == Cost::contains_ip_text || kind == Cost::contains_cidr_text) cost = cost + size_or_unknown(*e.args[0]) * kCharacterCost;
    return {cost, std::nullopt};
  }

  CallCost list_cost(const Expr& e, Cost kind) {
    const auto list = size_or_unknown(*e.target);
    switch (kind) {
      case Cost::slice: return allocating(1, Size::fixed(literal_number(*e.args[1], list.max) - literal_number(*e.args[0], 0)));
      case Cost::flatten: return allocating(e.args.empty() ? 1.0 : static_cast<double>(literal_number(*e.args[0], kUnbounded)), list);
      case Cost::reverse: return allocating(1, list);
      case Cost::distinct: case Cost::sort: return allocating(2, list * list);
      case Cost::sort_text: return allocating(2 + kCharacterCost, list * list);
      case Cost::sort_by: case Cost::sort_by_text: {
        const auto keys = size_or_unknown(*e.args[0]);
        return allocating(kind == Cost::sort_by ? 2 : 2 + kCharacterCost, keys * keys);
      }
      default: return {CostRange::fixed(1), std::nullopt};
    }
  }

  CallCost free_cost(const Expr& e, const Overload& overload) {
    const auto argument = [&](std::size_t i) { return size_or_unknown(*e.args[i]); };
    switch (overload.cost) {
      case Cost::scan: return {argument(0) * kCharacterCost, e.name == "url" || e.name == "jsonpatch.escapeKey" ? std::optional(argument(0)) : std::nullopt};
      case Cost::canonical: return {argument(0) * (2 * kCharacterCost), std::nullopt};
      case Cost::string_to_bytes: return {argument(0) * kCharacterCost, Size{argument(0).min, CostRange::multiply(argument(0).max, 4)}};
      case Cost::bytes_to_string: return {argument(0) * kCharacterCost, Size{argument(0).min / 4, argument(0).max}};
      case Cost::quote:
        return {argument(0) * kCharacterCost,
                Size{CostRange::add(argument(0).min, 2), CostRange::add(CostRange::multiply(argument(0).max, 2), 2)}};
      case Cost::in_list: return {argument(1) * 1.0, std::nullopt};
      case Cost::sets_once: return {argument(0) * argument(1) + CostRange::fixed(1), std::nullopt};
      case Cost::sets_twice: return {argument(0) * argument(1) * 2.0 + CostRange::fixed(1), std::nullopt};
      case Cost::range: return allocating(1, Size::fixed(literal_number(*e.args[0], kUnbounded)));
      case Cost::add_text: case Cost::add_list: return sum(e, overload.cost);
      default: return {CostRange::fixed(1), std::nullopt};
    }
  }

  CallCost sum(const Expr& e, Cost kind) {
    const auto result = size_or_unknown(*e.args[0]) + size_or_unknown(*e.args[1]);
    const auto left = entries(*e.args[0]), right = entries(*e.args[1]);
    if (left && right) known_[&e].entries = left->join(*right);
    return {kind == Cost::add_list ? CostRange::fixed(1) : result * kCharacterCost, result};
  }

  CostRange list(const Expr& e) {
    CostRange total = CostRange::fixed(kListCost);
    Size items{e.args.empty() ? 0 : kUnbounded, 0};
    for (const auto* arg : e.args) {
      total = total + cost(*arg);
      items = items.join(size_or_unknown(*arg));
    }
    known_[&e].entries = Entries{true, Size::fixed(1), items};
    return total;
  }

  CostRange map(const Expr& e) {
    CostRange total = CostRange::fixed(kMapCost);
    Size keys{e.args.empty() ? 0 : kUnbounded, 0}, values = keys;
    for (std::size_t i = 0; i + 1 < e.args.size(); i += 2) {
      total = total + cost(*e.args[i]) + cost(*e.args[i + 1]);
      keys = keys.join(size_or_unknown(*e.args[i]));
      values = values.join(size_or_unknown(*e.args[i + 1]));
    }
    known_[&e].entries = Entries{false, keys, values};
    return total;
  }

  CostRange construct(const Expr& e) {
    CostRange total = CostRange::fixed(kStructCost);
    for (const auto* arg : e.args) total = total + cost(*arg);
    return total;
  }

  void push_key(std::string_view name, const Expr& range) {
    const auto inside = entries(range);
    const auto from = place_of(range);
    const bool declared = from.decl != nullptr && !is_list(range);
    locals_.push_back({name, below(from, declared ? &kMapKey : nullptr), inside ? std::optional(inside->key) : std::nullopt, std::nullopt});
  }
  void push_value(std::string_view name, const Expr& range) {
    const auto inside = entries(range);
    locals_.push_back({name, element_of(range), inside ? std::optional(inside->value) : std::nullopt, std::nullopt});
  }
  bool is_list(const Expr& range) {
    const auto inside = entries(range);
    return inside ? inside->list : range.type->kind == TypeKind::list;
  }

  CostRange fold(const Expr& e) {
    const auto& fold = *e.fold;
    auto total = cost(*fold.range) + cost(*fold.init);
    const auto depth = locals_.size();
    locals_.push_back({fold.accu, {}, size(*fold.init), entries(*fold.init)});
    if (!fold.iter2.empty()) {
      push_key(fold.iter, *fold.range);
      push_value(fold.iter2, *fold.range);
    } else if (is_list(*fold.range)) {
      push_value(fold.iter, *fold.range);
    } else {
      push_key(fold.iter, *fold.range);
    }
    const auto loop = cost(*fold.condition) + cost(*fold.step);
    const auto inside = entries(*fold.step);
    locals_.resize(depth + 1);
    total = total + cost(*fold.result);
    locals_.resize(depth);
    const auto count = size_or_unknown(*fold.range);
    if (fold.init->form == Expr::Form::literal) known_[&e].size = size(*fold.init);
    else if (fold.init->form == Expr::Form::list || fold.init->form == Expr::Form::map) known_[&e].size = count;
    if (fold.init->form != Expr::Form::literal && inside) known_[&e].entries = inside;
    return total + count * loop;
  }

  CostRange binding(const Expr& e) {
    const auto& fold = *e.fold;
    auto total = cost(*fold.range) + cost(*fold.init);
    locals_.push_back({fold.accu, place_of(*fold.init), size(*fold.init), entries(*fold.init)});
    total = total + cost(*fold.result);
    const auto result_size = size(*fold.result);
    const auto result_entries = entries(*fold.result);
    locals_.pop_back();
    if (result_size) known_[&e].size = result_size;
    if (result_entries) known_[&e].entries = result_entries;
    return total;
  }

  Checker& checker_;
  Place root_;
  std::unordered_map<const Expr*, Known> known_;
  std::vector<Local> locals_;
};

}  // namespace

CostRange estimate(const Expr& root, Checker& checker) { return Estimator(checker).cost(root); }

}  // namespace keelson::cel
