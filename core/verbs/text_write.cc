#include "core/verbs/text_write.hpp"

#include <algorithm>

#include "core/verbs/conversion.hpp"
#include "core/verbs/narrow_write.hpp"
#include "core/verbs/step.hpp"
#include "core/verbs/text_binding.hpp"

namespace keelson::verbs {
namespace {

/// Of one member that is judged alone.
class PatchOfText final : public TextWrite {
 public:
  PatchOfText(const Core& core, const Context& context, const Verbs::Step& alike, const kinds::KindRef& kind)
      : kind_(*kind), subresource_(alike.target.subresource), type_(alike.patch_type), validation_(alike.options.validation), manager_(manager_of(context, subresource_, core.parts.runtime.unix_s())) {}

  bool take(const Verbs::Each& write) override { return patch_ = write.body, true; }
  std::optional<Made> make(const store::Object& existing, const json::storage_ptr& memory) override {
    auto narrowed = narrow_patch(narrow_write(kind_, subresource_, existing, manager_), type_, patch_, validation_, memory, &credited_);
    if (!narrowed) return std::nullopt;
    if (!narrowed->changes) return Made{};
    return Made{narrowed_draft(existing, std::move(*narrowed))};
  }

 private:
  const kinds::Kind& kind_;
  const std::string subresource_;
  const kinds::PatchType type_;
  const kinds::FieldValidation validation_;
  const kinds::ManagerInfo manager_;
  kinds::LastCredited credited_;
  std::string_view patch_;
};

class BindingOfText final : public TextWrite {
 public:
  BindingOfText(const Core& core, const kinds::KindRef& kind) : runtime_(core.parts.runtime), kind_(*kind) {}

  bool take(const Verbs::Each& write) override {
    binding_ = plain_binding_of(write.ns, write.name, write.body);
    return binding_.has_value();
  }
  std::string_view node() const override { return binding_->target_name; }
  std::optional<Made> make(const store::Object& existing, const json::storage_ptr& memory) override {
    const auto places = binds(*binding_, existing) ? places_.of(kind_, existing.body()) : std::nullopt;
    if (!places || why_not_bound(kind_, existing, *places)) return std::nullopt;
    return Made{bound_draft(kind_, existing, *places, node(), runtime_.unix_s(), memory)};
  }

 private:
  base::Runtime& runtime_;
  const kinds::Kind& kind_;
  std::optional<PlainBinding> binding_;
  PlacesOfPods places_;
};

bool offers(const kinds::Kind& kind, const std::string& subresource, std::string_view verb) {
  if (subresource.empty()) return kind.allows(verb);
  const auto* const offered = kind.subresource(subresource);
  return offered && std::find(offered->verbs.begin(), offered->verbs.end(), verb) != offered->verbs.end();
}

}  // namespace

std::unique_ptr<TextWrite> text_write(const Core& core, const Context& context, const Verbs::Step& alike, const kinds::KindRef& kind) {
  const auto& [op, target] = std::tie(alike.op, alike.target);
  if (context.notes || alike.options.dry_run || alike.options.force || target.kind != kind || !kind->writable || core.conversions->by_webhook(*kind)) return nullptr;
  if (!offers(*kind, target.subresource, verb_of(op))) return nullptr;
  if (op == Verbs::Step::Op::patch && !kinds::judged_alone(*kind, target.subresource).empty()) return std::make_unique<PatchOfText>(core, context, alike, kind);
  if (op == Verbs::Step::Op::create && binds_pods(*kind, target.subresource)) return std::make_unique<BindingOfText>(core, kind);
  return nullptr;
}

}  // namespace keelson::verbs
