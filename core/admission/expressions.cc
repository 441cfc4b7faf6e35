#include "core/admission/expressions.hpp"

#include "core/cel/request_environment.hpp"

namespace keelson::admission {
namespace {

constexpr std::string_view kAccountPrefix = "system:serviceaccount:";
constexpr const char* kNoBudget = "validation failed due to running out of cost budget, no further validation rules will be run";

json::object described_user(const auth::Identity* user) {
  json::object out;
  if (!user) return out;
  out["username"] = user->name;
  if (!user->uid.empty()) out["uid"] = user->uid;
  json::array groups;
  for (const auto& group : user->groups) groups.emplace_back(group);
  if (!groups.empty()) out["groups"] = std::move(groups);
  json::object extra;
  for (const auto& [key, values] : user->extra) {
    auto& list = extra[key].emplace_array();
    for (const auto& value : values) list.emplace_back(value);
  }
  if (!extra.empty()) out["extra"] = std::move(extra);
  return out;
}

json::object kind_of(const kinds::Kind& kind, std::string_view subresource) {
  const auto* found = subresource.empty() ? nullptr : kind.subresource(subresource);
  if (!found || found->kind.empty() || found->kind == kind.kind) return {{"group", kind.group}, {"version", kind.version}, {"kind", kind.kind}};
  return {{"group", found->version.empty() ? kind.group : found->group}, {"version", found->version.empty() ? kind.version : found->version}, {"kind", found->kind}};
}

json::object resource_of(const kinds::Kind& kind) { return {{"group", kind.group}, {"version", kind.version}, {"resource", kind.resource}}; }

}  // namespace

json::object describe(const AdmissionRequest& request, const kinds::Kind& as) {
  json::object out;
  out["kind"] = kind_of(as, request.subresource);
  out["resource"] = resource_of(as);
  if (!request.subresource.empty()) out["subResource"] = request.subresource;
  out["requestKind"] = kind_of(*request.kind, request.subresource);
  out["requestResource"] = resource_of(*request.kind);
  if (!request.subresource.empty()) out["requestSubResource"] = request.subresource;
  if (!request.name.empty()) out["name"] = request.name;
  if (const auto ns = namespace_of(request); !ns.empty()) out["namespace"] = ns;
  out["operation"] = operation_name(request.operation);
  out["userInfo"] = described_user(request.user);
  out["dryRun"] = request.dry_run;
  if (request.options) out["options"] = request.options();
  return out;
}

Expression compiled(std::string name, std::string text, bool objects) {
  cel::RequestNames names;
  names.has_objects = objects;
  auto result = cel::compile(cel::request_environment(names), text);
  Expression out{std::move(name), std::move(text), std::move(result.output), std::move(result.program), {}};
  if (result.fault != cel::Fault::none) out.fault = (result.fault == cel::Fault::compile ? "compilation error: compilation failed: " : "compilation error: instantiation failed: ") + result.error;
  return out;
}

std::vector<Expression> compiled_conditions(const json::value& holder) {
  std::vector<Expression> out;
  if (const auto* list = list_at(holder, {"matchConditions"}))
    for (const auto& entry : *list) out.push_back(compiled(std::string(text_at(entry, {"name"})), std::string(text_at(entry, {"expression"}))));
  return out;
}

Inputs::Inputs(const AdmissionRequest& request, const kinds::Kind& as, const auth::Chains& chains)
    : request_(request), as_(as), chains_(chains), ns_(namespace_of(request)), described_(describe(request, as)) {
  const auto name = namespace_of(request);
  if (!name.empty() && request.kind->storage_key.text() != "namespaces")
    if (const auto found = request.snapshot.get({store::Atom("namespaces"), "", name})) namespace_ = body_of(*found);
  old_ = request.old ? shown(request, as, *request.old) : json::value();
  authorizer_ = cel::make_authorizer(*this, *arena_);
  cel::AccessQuery query;
  query.group = as_.group;
  query.resource = as_.resource;
  query.subresource = request_.subresource;
  query.ns = ns_;
  query.name = request_.name;
  request_resource_ = cel::make_resource_check(*this, query, *arena_);
  variables_value_ = cel::Value::of(static_cast<const cel::Map*>(&map_));
  refresh();
}

void Inputs::refresh() {
  object_ = request_.object ? shown(request_, as_, *request_.object) : json::value();
  known_.assign(known_.size(), std::nullopt);
}

void Inputs::set_variables(const std::vector<Expression>* variables) {
  variables_ = variables;
  known_.assign(variables ? variables->size() : 0, std::nullopt);
}

cel::AccessAnswer Inputs::check(const cel::AccessQuery& query) const {
  auth::Identity account;
  auth::Attributes attributes;
  attributes.user = request_.user;
  if (!query.service_account.empty()) {
    const std::string ns(query.service_account_namespace);
    account.name = std::string(kAccountPrefix) + ns + ":" + std::string(query.service_account);
    account.groups = {"system:serviceaccounts", "system:serviceaccounts:" + ns, "system:authenticated"};
    attributes.user = &account;
  }
  attributes.verb = query.verb;
  attributes.resource_request = query.path.empty();
  attributes.path = query.path;
  attributes.group = query.group;
  attributes.version = "*";
  attributes.resource = query.resource;
  attributes.subresource = query.subresource;
  attributes.ns = query.ns;
  attributes.name = query.name;
  const auto verdict = chains_.authorize(attributes);
  return {verdict.decision == auth::Decision::allow, verdict.reason, {}};
}

cel::Result Inputs::run(const Expression& expression) {
  const cel::Binding bindings[] = {{&object_},     {&old_},          {&described_}, {&namespace_},
                                   {nullptr, &authorizer_}, {nullptr, &request_resource_}, {params_ ? params_ : &null_}, {nullptr, &variables_value_}};
  return expression.program->run(bindings, *arena_);
}

Inputs::Answer Inputs::evaluate(const Expression& expression, std::int64_t& budget) {
  if (!expression.fault.empty()) return {{}, expression.fault};
  if (budget <= 0) return {{}, kNoBudget};
  budget_ = &budget;
  auto result = run(expression);
  if (result.cost > static_cast<std::uint64_t>(std::max<std::int64_t>(0, budget))) {
    budget = 0;
    return {{}, kNoBudget};
  }
  budget -= static_cast<std::int64_t>(result.cost);
  if (!result.ok()) return {{}, "expression '" + expression.text + "' resulted in error: " + result.error};
  return {result.value, {}};
}

cel::Value Inputs::variable(std::size_t index) {
  if (known_[index]) return *known_[index];
  const auto& expression = (*variables_)[index];
  cel::Value value;
  if (!expression.fault.empty()) {
    value = cel::error_text(*arena_, "composited variable \"" + expression.name + "\" fails to compile: " + expression.fault);
  } else {
    const auto result = run(expression);
    if (budget_) *budget_ -= static_cast<std::int64_t>(result.cost);
    value = result.ok() ? result.value : cel::error_text(*arena_, "composited variable \"" + expression.name + "\" fails to evaluate: " + result.error);
  }
  known_[index] = value;
  return value;
}

std::size_t Inputs::Variables::size() const { return inputs_.variables_ ? inputs_.variables_->size() : 0; }

bool Inputs::Variables::find(const cel::Value& key, cel::Value& value, cel::Arena&) const {
  if (key.kind != cel::Kind::string || !inputs_.variables_) return false;
  for (std::size_t i = 0; i < inputs_.variables_->size(); ++i)
    if ((*inputs_.variables_)[i].name == key.view()) {
      value = inputs_.variable(i);
      return true;
    }
  return false;
}

cel::Value Inputs::Variables::key_at(std::size_t index, cel::Arena&) const { return cel::Value::string((*inputs_.variables_)[index].name); }
cel::Value Inputs::Variables::value_at(std::size_t index, cel::Arena&) const { return inputs_.variable(index); }

ConditionsAnswer check_conditions(const std::vector<Expression>& conditions, Inputs& inputs) {
  std::int64_t budget = cel::kMatchConditionsBudget;
  std::vector<std::string> errors;
  for (const auto& condition : conditions) {
    const auto answer = inputs.evaluate(condition, budget);
    if (!answer.error.empty()) errors.push_back(answer.error);
    else if (answer.value.is(false)) return {false, {}};
    else if (!answer.value.is(true)) errors.push_back("expression '" + condition.text + "' did not evaluate to a bool");
  }
  if (errors.empty()) return {};
  std::string all = errors.size() == 1 ? errors.front() : "[";
  if (errors.size() > 1) {
    for (std::size_t i = 0; i < errors.size(); ++i) all += (i > 0 ? ", " : "") + errors[i];
    all += "]";
  }
  return {true, std::move(all)};
}

}  // namespace keelson::admission
