#include "core/plugins/verify.hpp"

#include <cxxabi.h>

#include <algorithm>
#include <boost/json.hpp>
#include <cstdlib>
#include <filesystem>
#include <memory>

#include "core/base/json_value.hpp"
#include "core/kinds/engine.hpp"
#include "core/plugins/declaration.hpp"
#include "core/plugins/declare.hpp"
#include "core/plugins/directories.hpp"
#include "core/plugins/host_impl.hpp"
#include "core/plugins/library.hpp"
#include "core/plugins/rights.hpp"

namespace keelson::plugins {
namespace {

namespace json = boost::json;
namespace fs = std::filesystem;

struct Interest {
  const char* what;
  std::vector<std::string_view> names;
};

// C names as they are, C++ ones by the beginning of their mangled form.
const std::vector<Interest>& interests() {
  static const std::vector<Interest> all = {
      {"time", {"time", "clock", "clock_gettime", "gettimeofday", "timespec_get", "localtime", "localtime_r", "ftime", "_ZNSt6chrono3_V2*"}},
      {"sleep", {"sleep", "usleep", "nanosleep", "clock_nanosleep", "poll", "ppoll", "select", "pselect", "epoll_wait", "epoll_pwait", "timerfd_settime", "timer_settime", "alarm"}},
      {"randomness", {"rand", "rand_r", "srand", "random", "srandom", "drand48", "lrand48", "mrand48", "getrandom", "getentropy", "arc4random*", "_ZNSt13random_device*", "RAND_bytes"}},
      {"sockets", {"socket", "socketpair", "connect", "bind", "listen", "accept", "accept4", "send", "sendto", "sendmsg", "recv", "recvfrom", "recvmsg", "getaddrinfo", "gethostbyname*"}},
      {"threads", {"pthread_create", "thrd_create", "clone", "_ZNSt6thread15_M_start_thread*"}},
      {"processes", {"fork", "vfork", "system", "popen", "posix_spawn", "posix_spawnp", "execv*", "execl*", "kill"}}};
  return all;
}

/// C++ names as people write them.
std::string readable(const std::string& symbol) {
  int failed = 0;
  const std::unique_ptr<char, void (*)(void*)> text(abi::__cxa_demangle(symbol.c_str(), nullptr, nullptr, &failed), std::free);
  return failed == 0 && text ? std::string(text.get()) : symbol;
}

bool matches(std::string_view symbol, std::string_view name) { return name.ends_with('*') ? symbol.starts_with(name.substr(0, name.size() - 1)) : symbol == name; }

void add_facts(json::object& report, const std::string& file, const Inspected& seen) {
  const auto& facts = seen.facts;
  report["file"] = fs::path(file).filename().string();
  report["bytes"] = seen.content.size();
  report["sha256"] = seen.sha256;
  if (!facts.machine.empty()) report["machine"] = facts.machine;
  if (!facts.for_this_machine) return;
  report["libraries"] = json::value_from(facts.libraries);
  auto& uses = report["uses"].emplace_object();
  for (const auto& use : uses_of(facts)) uses[use.what] = json::value_from(use.functions);
  if (!facts.note) return;
  report["abi"] = std::to_string(facts.note->abi_major) + "." + std::to_string(facts.note->abi_minor);
  for (const auto* key : {"name", "version", "compiler", "sanitizer"})
    if (auto text = facts.note->text(key); !text.empty()) report[key] = text;
}

std::string kind_text(const json::value* kind) {
  if (kind == nullptr || !kind->is_object()) return "everything";
  const auto part = [&](const char* name) {
    const auto* value = kind->get_object().if_contains(name);
    return value != nullptr && value->is_string() ? std::string(value->get_string()) : std::string();
  };
  return base::qualified(part("group"), part("resource"));
}

/// "website: websites.demo.io; owns deployments.apps; watches secrets; 2 workers"
std::string controller_text(const ControllerDeclaration& controller) {
  std::string text = controller.name + ":";
  for (const auto& source : controller.sources) {
    const auto via = source.via == SourceDeclaration::Via::self ? " " : source.via == SourceDeclaration::Via::owner ? " owns " : " watches ";
    text += via + base::qualified(source.kind.group, source.kind.resource) + (source.name.empty() ? "" : " " + source.name) + ";";
  }
  return text + " " + std::to_string(controller.workers) + (controller.workers == 1 ? " worker" : " workers");
}

json::array names_of(const json::object& declaration, const char* list) {
  json::array out;
  const auto* items = declaration.if_contains(list);
  if (items == nullptr || !items->is_array()) return out;
  for (const auto& item : items->get_array()) {
    if (item.is_string()) out.push_back(item);
    if (!item.is_object()) continue;
    const auto& o = item.get_object();
    std::string text = o.if_contains("kind") != nullptr || std::string_view(list) == "observers" ? kind_text(o.if_contains("kind")) : std::string();
    for (const auto* member : {"subresource", "point", "name", "mode"})
      if (const auto* value = o.if_contains(member); value != nullptr && value->is_string() && !value->get_string().empty())
        text += (text.empty() ? "" : std::string_view(member) == "subresource" ? "/" : " ") + std::string(value->get_string());
    out.emplace_back(text);
  }
  return out;
}

std::string listed(const std::vector<std::string>& texts) {
  std::string all;
  for (const auto& text : texts) all += (all.empty() ? "" : ", ") + text;
  return all;
}

/// "get, list, watch secrets"
std::string right_text(const auth::Rules::Rule& rule) {
  if (!rule.paths.empty()) return listed(rule.verbs) + " " + listed(rule.paths);
  std::vector<std::string> what;
  for (const auto& group : rule.groups)
    for (const auto& resource : rule.resources) {
      const auto slash = std::min(resource.find('/'), resource.size());
      what.push_back(base::qualified(group, resource.substr(0, slash)) + resource.substr(slash));   // deployments.apps/status
    }
  return (rule.verbs == std::vector<std::string>{"*"} ? "everything with" : listed(rule.verbs)) + " " + listed(what) + (rule.names.empty() ? "" : " named " + listed(rule.names));
}

// Against the built-in kinds; those of other plugins are known to a server only.
std::optional<Refusal> add_kinds(json::object& report, const std::string& plugin, const Declaration& declaration) {
  std::vector<base::Atom> own;
  const auto registry = kinds::make_registry();
  auto& kinds = report["kinds"].emplace_array();
  for (const auto& crd : declaration.kinds) {
    const auto installed = install_declared(*registry, plugin, crd, true);
    if (!installed) return Refusal{installed.error().code == 409 ? "KindTaken" : "BadKind", plugin + ": " + installed.error().message};
    for (const auto key : *installed) {
      own.push_back(key);
      const auto kind = registry->current()->by_storage_key(key);
      kinds.emplace_back(std::string(key.text()) + " (" + kind->kind + " " + kind->version + (kind->namespaced ? ", namespaced)" : ", cluster-wide)"));
    }
  }
  auto& rights = report["rights"].emplace_array();
  for (const auto& rule : rights_of(declaration, own).rules) rights.emplace_back(right_text(rule));
  return std::nullopt;
}

/// As Host::in_child() chooses: what did not come with the server runs in a process of its own.
std::optional<Refusal> add_host(json::object& report, const Declared& declared, const Inspected& seen, const VerifyOptions& options) {
  const bool core = options.host == "Core" || (options.host.empty() && (options.ours.empty() || options.ours.contains(seen.sha256)));
  report["host"] = core ? "Core" : "Process";
  const auto declaration = parse_declaration(declared.json);
  const auto missing = declaration ? capabilities_missing(*declaration, !core) : std::string();
  if (missing.empty()) return std::nullopt;
  return Refusal{"CapabilityMissing", declared.name + " needs " + missing};
}

std::optional<Refusal> add_declaration(json::object& report, const Declared& declared) {
  report["name"] = declared.name;
  report["version"] = declared.version;
  report["abi"] = declared.abi;
  const auto declaration = parse_declaration(declared.json);
  if (!declaration) return Refusal{"StartFailed", declaration.error().message};
  const auto whole = base::json_of(declared.json).as_object();
  auto& controllers = report["controllers"].emplace_array();
  for (const auto& controller : declaration->controllers) controllers.emplace_back(controller_text(controller));
  for (const auto* list : {"observers", "tasks", "routes", "hooks", "points"}) report[list] = names_of(whole, list);
  report["requires"] = json::value_from(capabilities_needed(*declaration));
  report["config"] = json::value_from(declared.config);
  report["metrics"] = json::value_from(declared.metrics);
  return add_kinds(report, declared.name, *declaration);
}

std::optional<Refusal> namesake(const std::string& file, const std::string& name, const VerifyOptions& options) {
  if (object_name(name) != name) return Refusal{"BadName", "\"" + name + "\" is no name for a plugin: it has to be a DNS label"};
  for (const auto& [stem, other] : scan_directories(options.directories)) {
    std::error_code failed;
    if (stem == fs::path(file).stem().string() || fs::equivalent(other.path, file, failed)) continue;   // it would replace that one
    const auto seen = inspect_library(other.path, {"", false, {}, {}});
    if (seen.facts.note && seen.facts.note->text("name") == name) return Refusal{"NameTaken", name + " is loaded already, from " + other.path};
  }
  return std::nullopt;
}

std::optional<Refusal> look_inside(json::object& report, const std::string& file, const Inspected& seen, const VerifyOptions& options) {
  const auto declared = declare_in_child(fs::path(file).filename().string(), seen.content, options.program);
  if (!declared.name.empty() && declared.json.empty()) report["name"] = declared.name;
  if (declared.json.empty()) return Refusal{declared.reason, declared.message};
  auto refusal = add_declaration(report, declared);
  if (auto unhosted = add_host(report, declared, seen, options); !refusal) refusal = std::move(unhosted);
  if (seen.facts.note && (seen.facts.note->text("name") != declared.name || seen.facts.note->text("version") != declared.version))
    return Refusal{"LoadFailed", fs::path(file).filename().string() + ": its note says " + seen.facts.note->text("name") + " " + seen.facts.note->text("version") +
                                     ", its table " + declared.name + " " + declared.version};
  return refusal ? refusal : namesake(file, declared.name, options);
}

std::string joined(const json::value& value) {
  if (value.is_string()) return std::string(value.get_string());
  if (!value.is_array()) return json::serialize(value);
  std::string text;
  for (const auto& item : value.get_array()) text += (text.empty() ? "" : ", ") + joined(item);
  return text;
}

std::string line(std::string_view label, const std::string& text) {
  constexpr std::size_t kLabelWidth = 13;
  std::string out(label);
  out.resize(std::max(kLabelWidth, out.size() + 1), ' ');
  return out + text + "\n";
}

}  // namespace

std::vector<Use> uses_of(const ElfFacts& facts) {
  std::vector<Use> uses;
  for (const auto& interest : interests()) {
    Use use{interest.what, {}};
    for (const auto& symbol : facts.imports)
      if (std::any_of(interest.names.begin(), interest.names.end(), [&](std::string_view name) { return matches(symbol, name); })) use.functions.push_back(readable(symbol));
    std::sort(use.functions.begin(), use.functions.end());
    if (!use.functions.empty()) uses.push_back(std::move(use));
  }
  return uses;
}

json::object verify_plugin(const std::string& file, const VerifyOptions& options) {
  json::object report;
  const auto seen = inspect_library(file, {"", true, options.keys, options.ours});
  add_facts(report, file, seen);
  auto refusal = seen.refusal;
  // What only its place or a signature speaks against can still tell what it is.
  if (!refusal || refusal->reason == "BadPermissions" || refusal->reason == "BadSignature") {
    const auto unplaced = inspect_library(file, {"", false, {}, {}});
    if (!unplaced.refusal && unplaced.sha256 == seen.sha256) {
      auto inner = look_inside(report, file, seen, options);
      if (!refusal) refusal = std::move(inner);
    }
  }
  report["verdict"] = json::object{{"loads", !refusal}, {"reason", refusal ? refusal->reason : ""}, {"message", refusal ? refusal->message : ""}};
  return report;
}

std::string verify_text(const json::object& report) {
  std::string out;
  const auto add = [&](const char* key, const char* label) {
    const auto* value = report.if_contains(key);
    if (value == nullptr || (value->is_array() && value->get_array().empty())) return;
    if (!value->is_array() || value->get_array().size() < 2 || !value->get_array()[0].is_string()) return void(out += line(label, joined(*value)));
    if (const auto all = joined(*value); all.size() < 100) return void(out += line(label, all));
    for (const auto& item : value->get_array()) {
      out += line(label, joined(item));
      label = "";
    }
  };
  add("file", "file");
  if (const auto* bytes = report.if_contains("bytes")) out += line("bytes", json::serialize(*bytes));
  for (const auto* key : {"sha256", "machine", "name", "version"}) add(key, key);
  if (const auto* abi = report.if_contains("abi")) out += line("ABI", joined(*abi) + " (this core: " + core_abi() + ")");
  for (const auto* key : {"compiler", "sanitizer", "kinds", "controllers", "observers", "tasks", "routes", "hooks", "points", "requires", "rights", "host", "config", "metrics", "libraries"}) add(key, key);
  if (const auto* uses = report.if_contains("uses"))
    for (const auto& use : uses->get_object()) out += line(use.key(), joined(use.value()));
  const auto& verdict = report.at("verdict").as_object();
  if (verdict.at("loads").as_bool()) return out + line("verdict", "would be loaded");
  return out + line("verdict", (verdict.at("reason") == kUnknown ? "cannot be told: " : "would be refused: ") + (verdict.at("reason") == kUnknown ? "" : joined(verdict.at("reason")) + ": ") + joined(verdict.at("message")));
}

}  // namespace keelson::plugins
