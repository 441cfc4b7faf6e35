#include "core/kinds/formats.hpp"
#include "core/kinds/json_access.hpp"
#include "core/kinds/validate/parts.hpp"

namespace keelson::kinds {
namespace {

const json::value kNone = 0;

void validate_port(const json::value* port, const Path& path, FieldErrors& errors) {
  if (const auto* name = port ? port->if_string() : nullptr) errors.invalid_each(path, *name, check_port_name(*name));
  else
    for (const auto& wrong : check_port_number(integer_of(port))) errors.invalid(path, port ? port : &kNone, wrong);
}

void validate_http(const json::value& get, const Path& path, FieldErrors& errors) {
  if (text_of(member(&get, "path")).empty()) errors.required(path.child("path"));
  validate_port(member(&get, "port"), path.child("port"), errors);
  errors.one_of(path.child("scheme"), text_of(member(&get, "scheme")), {"HTTP", "HTTPS"});
  const auto headers = path.child("httpHeaders");
  each_element(member(&get, "httpHeaders"), headers, [&](const json::value& header, const Path&) {
    errors.invalid_each(headers, text_of(member(&header, "name")), check_header_name(text_of(member(&header, "name"))));
  });
}

void validate_sleep(const json::value& sleep, const Path& path, std::int64_t grace_s, FieldErrors& errors) {
  const auto* seconds = member(&sleep, "seconds");
  if (integer_of(seconds) < 0 || integer_of(seconds) > grace_s)
    errors.invalid(path, seconds, "must be non-negative and less than terminationGracePeriodSeconds (" + std::to_string(grace_s) + ")");
}

void validate_handler(const json::value& handler, const Path& path, std::int64_t grace_s, FieldErrors& errors) {
  int handlers = 0;
  const auto one = [&](std::string_view name) -> const json::value* {
    const auto* found = member(&handler, name);
    if (found && ++handlers > 1) {
      errors.forbidden(path.child(name), "may not specify more than 1 handler type");
      return nullptr;
    }
    return found;
  };
  if (const auto* exec = one("exec"); exec && length_of(member(exec, "command")) == 0) errors.required(path.child("exec").child("command"));
  if (const auto* get = one("httpGet")) validate_http(*get, path.child("httpGet"), errors);
  if (const auto* socket = one("tcpSocket")) validate_port(member(socket, "port"), path.child("tcpSocket").child("port"), errors);
  if (const auto* grpc = one("grpc"))
    for (const auto& wrong : check_port_number(integer_of(member(grpc, "port")))) errors.invalid(path.child("grpc").child("port"), member(grpc, "port"), wrong);
  if (const auto* sleep = one("sleep")) validate_sleep(*sleep, path.child("sleep"), grace_s, errors);
  if (handlers == 0) errors.required(path, "must specify a handler type");
}

void validate_probe(const json::value& probe, const Path& path, std::string_view name, FieldErrors& errors) {
  validate_handler(probe, path, 0, errors);
  for (const std::string_view field : {"initialDelaySeconds", "timeoutSeconds", "periodSeconds", "successThreshold", "failureThreshold"})
    not_negative(member(&probe, field), path.child(field), errors);
  const auto* grace = member(&probe, "terminationGracePeriodSeconds");
  if (name == "readinessProbe") {
    if (grace) errors.invalid(path.child("terminationGracePeriodSeconds"), grace, "must not be set for readinessProbes");
    return;
  }
  if (grace && integer_of(grace) <= 0) errors.invalid(path.child("terminationGracePeriodSeconds"), grace, "must be greater than 0");
  const auto* threshold = member(&probe, "successThreshold");
  if (integer_of(threshold) != 1) errors.invalid(path.child("successThreshold"), threshold, "must be 1");
}

}  // namespace

void validate_probes(const json::value& container, const Path& path, bool init, std::int64_t grace_s, FieldErrors& errors) {
  const bool plain_init = init && text_of(member(&container, "restartPolicy")) != "Always";
  for (const std::string_view name : {"lifecycle", "livenessProbe", "readinessProbe", "startupProbe"}) {
    const auto* value = member(&container, name);
    if (!value) continue;
    const auto here = path.child(name);
    if (plain_init) {
      errors.forbidden(here, "may not be set for init containers without restartPolicy=Always");
    } else if (name == "lifecycle") {
      for (const std::string_view hook : {"postStart", "preStop"})
        if (const auto* handler = member(value, hook)) validate_handler(*handler, here.child(hook), grace_s, errors);
    } else {
      validate_probe(*value, here, name, errors);
    }
  }
}

}  // namespace keelson::kinds
