#include "core/admission/type_check.hpp"

#include <algorithm>
#include <array>
#include <map>
#include <tuple>

#include "core/admission/matching.hpp"
#include "core/cel/program.hpp"
#include "core/cel/request_environment.hpp"
#include "core/kinds/crd/type_schema.hpp"

namespace keelson::admission {
namespace {

/// Empty when one of them is a pattern.
std::vector<std::string> exact(const json::value& rule, std::string_view list) {
  auto out = texts_at(rule, {list});
  for (const auto& one : out)
    if (one.find('*') != std::string::npos) return {};
  std::sort(out.begin(), out.end());
  return out;
}

using KindsByName = std::map<std::tuple<std::string, std::string, std::string>, kinds::KindRef>;

void add_kinds(const json::value& rule, const kinds::Catalog& catalog, KindsByName& out) {
  auto resources = texts_at(rule, {"resources"});
  std::sort(resources.begin(), resources.end());
  for (const auto& group : exact(rule, "apiGroups"))
    for (const auto& version : exact(rule, "apiVersions"))
      for (const auto& resource : resources) {
        if (out.size() == kCheckedTypesMax) return;
        const auto kind = catalog.find(group, version, resource);
        if (kind && kind->type) out.try_emplace({group, version, kind->kind}, kind);
      }
}

/// Compiles against one kind, over and over.
class Check {
 public:
  Check(const json::value& spec, const kinds::Type& object, const kinds::Type* params) {
    auto names = types_.names();
    names.object = schema_.node(object);
    names.has_params = params != nullptr;
    if (params) names.params = schema_.node(*params);
    environment_ = cel::request_environment(names);
    // Each sees those before it. One that is wrong is of any type: it is told where it is used.
    if (const auto* list = list_at(spec, {"variables"}))
      for (const auto& variable : *list) types_.declare(text_at(variable, {"name"}), cel::compile(environment_, text_at(variable, {"expression"})).output);
  }
  Check(const Check&) = delete;
  Check& operator=(const Check&) = delete;

  /// Empty: nothing is wrong.
  std::string operator()(std::string_view expression) const {
    const auto compiled = cel::compile(environment_, expression);
    return compiled.fault == cel::Fault::compile ? compiled.error : std::string();
  }

 private:
  const kinds::TypeSchema schema_;
  cel::RequestTypes types_;
  cel::Environment environment_;
};

kinds::KindRef params_kind(const json::value& spec, const kinds::Catalog& catalog) {
  const auto api_version = text_at(spec, {"paramKind", "apiVersion"}), kind = text_at(spec, {"paramKind", "kind"});
  const auto slash = api_version.find('/');
  return slash == std::string_view::npos ? catalog.by_kind("", api_version, kind) : catalog.by_kind(api_version.substr(0, slash), api_version.substr(slash + 1), kind);
}

constexpr std::array<std::string_view, 2> kParts{"expression", "messageExpression"};

}  // namespace

std::vector<ExpressionWarning> check_types(const json::value& spec, const kinds::Catalog& catalog) {
  const auto* validations = list_at(spec, {"validations"});
  if (!validations) return {};
  KindsByName kinds;
  if (const auto* rules = list_at(spec, {"matchConstraints", "resourceRules"}))
    for (const auto& rule : *rules) add_kinds(rule, catalog, kinds);
  const auto params = params_kind(spec, catalog);
  std::vector<std::array<std::string, kParts.size()>> found(validations->size());
  for (const auto& [name, kind] : kinds) {
    const Check check(spec, *kind->type, params ? params->type.get() : nullptr);
    const auto shown = std::get<0>(name) + "/" + std::get<1>(name) + ", Kind=" + kind->kind + ": ";
    for (std::size_t i = 0; i < found.size(); ++i)
      for (std::size_t part = 0; part < kParts.size(); ++part) {
        const auto text = text_at((*validations)[i], {kParts[part]});
        const auto wrong = text.empty() ? std::string() : check(text);
        auto& all = found[i][part];
        if (!wrong.empty()) all += (all.empty() ? "" : "\n") + shown + wrong + "\n";
      }
  }
  std::vector<ExpressionWarning> out;
  for (std::size_t i = 0; i < found.size(); ++i)
    for (std::size_t part = 0; part < kParts.size(); ++part)
      if (!found[i][part].empty()) out.push_back({"spec.validations[" + std::to_string(i) + "]." + std::string(kParts[part]), std::move(found[i][part])});
  return out;
}

}  // namespace keelson::admission
