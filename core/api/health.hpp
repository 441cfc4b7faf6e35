// HealthChecks: the named checks behind /livez, /readyz and /healthz.
//
// Invariants: a check runs on the asking request's network thread and must not wait. /healthz and /readyz run all of
//   them, /livez those added as `live`. What is only told is in the verbose text of /readyz and counts when it is asked for by name.
// Threads: any. Ownership: the handle of add() ends the check.
#pragma once
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

namespace keelson::api {

class HealthChecks {
 public:
  /// Empty text = well.
  using Check = std::function<std::string()>;
  virtual ~HealthChecks() = default;
  enum class Counts : std::uint8_t { told, ready, live };
  [[nodiscard]] virtual std::shared_ptr<void> add(std::string name, Check check, Counts counts = Counts::ready) = 0;

  struct Report {
    bool known = true;       ///< false: no check of that name
    bool well = true;
    std::string verbose;     ///< "[+]ping ok\n..." with the closing line
    std::string failed;      ///< names, for the log
  };
  /// `endpoint`: healthz, livez or readyz; `only`: one check's name, empty = all.
  virtual Report run(const std::string& endpoint, const std::string& only, const std::vector<std::string>& exclude) const = 0;
};

std::unique_ptr<HealthChecks> make_health_checks();

}  // namespace keelson::api
