// Programs that the network needs: CNI plugins by the CNI specification, and iptables. Never by fork: the server may be large.
// Threads: any. Each call waits for its program, at most kExecuteDeadlineS; then it is killed.
#pragma once
#include <keelson/result.hpp>
#include <string>
#include <vector>

namespace keelson::cni {

inline constexpr int kExecuteDeadlineS = 30;
inline constexpr std::size_t kOutputBytesMax = 1u << 20;

/// Runs arguments[0] (searched in PATH) with more variables and this standard input. Answers its standard output; a non-zero exit is an
/// error whose message is what it printed. At the deadline it is killed with all that it has started.
Outcome<std::string> execute(const std::vector<std::string>& arguments, const std::vector<std::string>& environment, const std::string& input,
                             int deadline_s = kExecuteDeadlineS);

/// A CNI plugin of that type from the first directory that has it. Its error is the message of the JSON it prints.
Outcome<std::string> execute_plugin(const std::vector<std::string>& bin_dirs, const std::string& type, const std::vector<std::string>& environment,
                                    const std::string& config);

}  // namespace keelson::cni
