// Security contexts of pods and their containers, and what of them either system knows.
#include <algorithm>
#include <set>

#include "core/kinds/formats.hpp"
#include "core/kinds/internal_form.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate/parts.hpp"

namespace keelson::kinds {
namespace {

constexpr std::size_t kSysctlNameMax = 253, kProfilePathMax = 4'095, kCredentialSpecMax = 64 * 1024, kDomainMax = 256, kUserMax = 104;
constexpr std::string_view kSysctlForm = "^([a-z0-9]([-_a-z0-9]*[a-z0-9])?[\\./])*[a-z0-9]([-_a-z0-9]*[a-z0-9])?$";
constexpr std::string_view kNotWindows = "cannot be set for a windows pod", kNotLinux = "windows options cannot be set for a linux pod";

void validate_ids(const json::value& context, std::initializer_list<std::string_view> fields, const Path& path, FieldErrors& errors) {
  for (const auto field : fields)
    if (const auto* value = member(&context, field))
      for (const auto& wrong : check_user_id(integer_of(value))) errors.invalid(path.child(field), value, wrong);
}

void validate_seccomp(const json::value* profile, const Path& path, FieldErrors& errors) {
  if (!profile) return;
  const auto type = text_of(member(profile, "type"));
  const auto* local = member(profile, "localhostProfile");
  if (type.empty()) errors.required(path.child("type"), "type is required when seccompProfile is set");
  else errors.one_of(path.child("type"), type, {"Localhost", "RuntimeDefault", "Unconfined"});
  if (type == "Localhost" && !local) errors.required(path.child("localhostProfile"), "must be set when seccomp type is Localhost");
  const json::value shown = {{"Type", type}, {"LocalhostProfile", text_of(local)}};
  if (type != "Localhost" && local) errors.invalid(path.child("localhostProfile"), &shown, "can only be set when seccomp type is Localhost");
}

void validate_app_armor(const json::value* profile, const Path& path, FieldErrors& errors) {
  if (!profile) return;
  const auto type = text_of(member(profile, "type"));
  const auto* local = member(profile, "localhostProfile");
  const auto text = text_of(local), needed = std::string_view("must be set when AppArmor type is Localhost");
  const auto at = path.child("localhostProfile");
  if (type.empty()) return errors.required(path.child("type"), "type is required when appArmorProfile is set");
  if (!errors.one_of(path.child("type"), type, {"Localhost", "RuntimeDefault", "Unconfined"})) return;
  if (type != "Localhost") {
    if (local) errors.invalid(at, local, "can only be set when AppArmor type is Localhost");
  } else if (text.empty()) {
    errors.required(at, needed);
  } else if (trimmed(text) != text) {
    errors.invalid(at, text, "must not be padded with whitespace");
  } else if (text.size() > kProfilePathMax) {
    errors.too_long(at, kProfilePathMax);
  }
}

/// "" when it is a user of Windows, with or without a domain.
std::string windows_user_error(std::string_view name) {
  if (name.empty()) return "runAsUserName cannot be an empty string";
  if (std::any_of(name.begin(), name.end(), [](char c) { return (c >= 0 && c < 0x20) || c == 0x7f; })) return "runAsUserName cannot contain control characters";
  if (std::count(name.begin(), name.end(), '\\') > 1) return "runAsUserName cannot contain more than one backslash";
  const auto slash = name.find('\\');
  const bool has_domain = slash != name.npos;
  const auto domain = has_domain ? name.substr(0, slash) : std::string_view(), user = has_domain ? name.substr(slash + 1) : name;
  if (domain.size() >= kDomainMax) return "runAsUserName's Domain length must be under " + std::to_string(kDomainMax) + " characters";
  const bool plain = domain.find_first_of("\\/:*?\"<>|") == domain.npos && !domain.starts_with('.');
  if (has_domain && (domain.empty() || !plain)) return "runAsUserName's Domain doesn't match the NetBios nor the DNS format";
  if (user.empty()) return "runAsUserName's User cannot be empty";
  if (user.size() > kUserMax) return "runAsUserName's User length must not be longer than " + std::to_string(kUserMax) + " characters";
  if (user.find_first_not_of(". ") == user.npos) return "runAsUserName's User cannot contain only periods or spaces";
  if (user.find_first_of("\"/\\:;|=,+*?<>@[]") != user.npos) return "runAsUserName's User cannot contain the following characters: \"/\\:;|=,+*?<>@[]";
  return {};
}

void validate_windows(const json::value* options, const Path& path, FieldErrors& errors) {
  const auto *name = member(options, "gmsaCredentialSpecName"), *credentials = member(options, "gmsaCredentialSpec"), *user = member(options, "runAsUserName");
  if (name) errors.invalid_each(path.child("gmsaCredentialSpecName"), text_of(name), check_subdomain_1123(text_of(name)));
  if (credentials && text_of(credentials).empty()) errors.invalid(path.child("gmsaCredentialSpec"), credentials, "gmsaCredentialSpec cannot be an empty string");
  if (text_of(credentials).size() > kCredentialSpecMax) errors.invalid(path.child("gmsaCredentialSpec"), credentials, "gmsaCredentialSpec size must be under 64 KiB");
  if (!user) return;
  if (const auto wrong = windows_user_error(text_of(user)); !wrong.empty()) errors.invalid(path.child("runAsUserName"), text_of(user), wrong);
}

bool fits_sysctl(std::string_view name) {
  if (name.empty() || name.size() > kSysctlNameMax) return false;
  bool edge = true;   // at the start of a part
  for (std::size_t i = 0; i < name.size(); ++i) {
    const char c = name[i];
    const bool letter = (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9');
    const bool separator = c == '.' || c == '/', inner = c == '-' || c == '_';
    if (!letter && !separator && !inner) return false;
    if (edge && !letter) return false;
    if (separator && (name[i - 1] == '-' || name[i - 1] == '_')) return false;
    edge = separator;
  }
  return !edge && name.back() != '-' && name.back() != '_';
}

/// `name` with dots between its parts, when its first separator is a slash.
std::string dotted(std::string_view name) {
  std::string text(name);
  const auto first = text.find_first_of("./");
  if (first == text.npos || text[first] == '.') return text;
  for (auto& c : text) c = c == '.' ? '/' : c == '/' ? '.' : c;
  return text;
}

/// The namespace of the kernel that has it, when pods may have one of their own.
std::string_view namespace_of(std::string_view sysctl) {
  if (sysctl.starts_with("net.")) return "hostNetwork";
  if (sysctl == "kernel.sem" || sysctl.starts_with("kernel.shm") || sysctl.starts_with("kernel.msg") || sysctl.starts_with("fs.mqueue.")) return "hostIPC";
  return {};
}

void validate_sysctls(const json::value& spec, const json::value* list, const Path& path, FieldErrors& errors) {
  std::set<std::string_view> seen;
  each_element(list, path, [&](const json::value& sysctl, const Path& at) {
    const auto name = text_of(member(&sysctl, "name"));
    const auto here = at.child("name");
    if (name.empty()) errors.required(here);
    else if (!fits_sysctl(name)) errors.invalid(here, name, "must have at most 253 characters and match regex " + std::string(kSysctlForm));
    else if (!seen.insert(name).second) errors.duplicate(here, name);
    const auto shared = namespace_of(dotted(name));
    if (!shared.empty() && truth_of(member(&spec, shared))) errors.invalid(here, name, "may not be specified when '" + std::string(shared) + "' is true");
  });
}

template <class Visit>
void each_context(const json::value& spec, const Path& path, Visit visit) {
  for (const auto list : kContainerLists) {
    const auto here = path.child(list);
    each_element(member(&spec, list), here, [&](const json::value& container, const Path& at) {
      if (const auto* context = member(&container, "securityContext")) visit(*context, at.child("securityContext"));
    });
  }
}

void forbid(const json::value* of, std::initializer_list<std::string_view> fields, const Path& path, std::string_view why, FieldErrors& errors) {
  for (const auto field : fields)
    if (const auto* value = member(of, field); value && !(value->is_bool() && field.starts_with("host") && !value->get_bool() && field != "hostUsers")) errors.forbidden(path.child(field), why);
}

void validate_for_windows(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto context_path = path.child("securityContext");
  const auto* context = member(&spec, "securityContext");
  forbid(context, {"appArmorProfile", "seLinuxOptions"}, context_path, kNotWindows, errors);
  forbid(&spec, {"hostUsers", "hostPID", "hostIPC"}, path, kNotWindows, errors);
  forbid(context, {"seccompProfile", "fsGroup", "fsGroupChangePolicy", "sysctls"}, context_path, kNotWindows, errors);
  forbid(&spec, {"shareProcessNamespace"}, path, kNotWindows, errors);
  forbid(context, {"runAsUser", "runAsGroup", "supplementalGroups", "supplementalGroupsPolicy", "seLinuxChangePolicy"}, context_path, kNotWindows, errors);
  each_context(spec, path, [&](const json::value& each, const Path& at) {
    forbid(&each, {"appArmorProfile", "seLinuxOptions", "seccompProfile", "capabilities", "readOnlyRootFilesystem", "privileged", "allowPrivilegeEscalation", "procMount", "runAsUser", "runAsGroup"},
           at, kNotWindows, errors);
  });
}

/// Containers that are processes of the host: all of them or none, and then on its network.
void validate_host_process(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto asks = [](const json::value* context) { return truth_of(member(member(context, "windowsOptions"), "hostProcess")); };
  const bool pod = asks(member(&spec, "securityContext"));
  std::size_t all = 0, asking = 0;
  for (const auto list : {"containers", "initContainers"})
    if (const auto* containers = as_array(member(&spec, list)))
      for (const auto& container : *containers) {
        const auto* own = member(member(member(&container, "securityContext"), "windowsOptions"), "hostProcess");
        ++all;
        asking += own ? truth_of(own) : pod;
      }
  if (asking == 0) return;
  if (asking < all)
    errors.invalid(path, "", "If pod contains any hostProcess containers then all containers must be HostProcess containers");
  const json::value no = false;
  if (!truth_of(member(&spec, "hostNetwork"))) errors.invalid(path.child("hostNetwork"), &no, "hostNetwork must be true if pod contains any hostProcess containers");
}

}  // namespace

void validate_container_security(const json::value* context, const Path& path, FieldErrors& errors) {
  if (!context) return;
  validate_ids(*context, {"runAsUser", "runAsGroup"}, path, errors);
  if (const auto* mount = member(context, "procMount")) errors.one_of(path.child("procMount"), text_of(mount), {"Default", "Unmasked"});
  validate_seccomp(member(context, "seccompProfile"), path.child("seccompProfile"), errors);
  const auto* escalation = member(context, "allowPrivilegeEscalation");
  if (escalation && !truth_of(escalation) && truth_of(member(context, "privileged"))) {
    const auto shown = internal_form(*builtin_type("core/v1.SecurityContext"), *context);
    errors.invalid(path, &shown, "cannot set `allowPrivilegeEscalation` to false and `privileged` to true");
  }
  validate_windows(member(context, "windowsOptions"), path.child("windowsOptions"), errors);
  validate_app_armor(member(context, "appArmorProfile"), path.child("appArmorProfile"), errors);
}

void validate_pod_security(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto here = path.child("securityContext");
  static const json::value nothing = json::object();
  const auto* given = member(&spec, "securityContext");
  const auto& context = given ? *given : nothing;
  const auto groups = here.child("supplementalGroups");
  validate_ids(context, {"fsGroup", "runAsUser", "runAsGroup"}, here, errors);
  each_element(member(&context, "supplementalGroups"), groups, [&](const json::value& group, const Path& at) {
    for (const auto& wrong : check_user_id(integer_of(&group))) errors.invalid(at, &group, wrong);
  });
  if (truth_of(member(&spec, "shareProcessNamespace")) && truth_of(member(&spec, "hostPID")))
    errors.invalid(here.child("shareProcessNamespace"), member(&spec, "shareProcessNamespace"), "ShareProcessNamespace and HostPID cannot both be enabled");
  validate_sysctls(spec, member(&context, "sysctls"), here.child("sysctls"), errors);
  if (const auto* policy = member(&context, "fsGroupChangePolicy")) errors.one_of(here.child("fsGroupChangePolicy"), text_of(policy), {"Always", "OnRootMismatch"});
  if (const auto* policy = member(&context, "seLinuxChangePolicy")) errors.one_of(here.child("seLinuxChangePolicy"), text_of(policy), {"Recursive"});
  validate_seccomp(member(&context, "seccompProfile"), here.child("seccompProfile"), errors);
  validate_windows(member(&context, "windowsOptions"), here.child("windowsOptions"), errors);
  validate_app_armor(member(&context, "appArmorProfile"), here.child("appArmorProfile"), errors);
  if (const auto* policy = member(&context, "supplementalGroupsPolicy")) errors.one_of(here.child("supplementalGroupsPolicy"), text_of(policy), {"Merge", "Strict"});
  validate_host_process(spec, path, errors);
}

void validate_os(const json::value& spec, const Path& path, FieldErrors& errors) {
  const auto here = path.child("os"), context_path = path.child("securityContext");
  const auto* os = member(&spec, "os");
  if (!os) return;
  const auto name = text_of(member(os, "name"));
  if (name.empty()) return errors.required(here.child("name"));
  if (!errors.one_of(here, name, {"linux", "windows"})) return;
  if (name == "windows") return validate_for_windows(spec, path, errors);
  forbid(member(&spec, "securityContext"), {"windowsOptions"}, context_path, kNotLinux, errors);
  each_context(spec, path, [&](const json::value& context, const Path& at) { forbid(&context, {"windowsOptions"}, at, kNotLinux, errors); });
}

}  // namespace keelson::kinds
