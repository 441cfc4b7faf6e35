// The plugin's kinds on the remote server, and the server's kinds here.
//
// Threads: any that may wait. Errors: as the server answered, with what was tried in front.
#pragma once
#include <string>
#include <vector>

#include "core/kinds/catalog.hpp"
#include "core/remote/client.hpp"

namespace keelson::remote {

enum class InstallKinds { if_missing, always, never };

/// A new kind has to be served within this.
inline constexpr std::int64_t kEstablished_ms = 15'000;
inline constexpr std::int64_t kEstablishedLook_ms = 100;

/// Sends a request and waits.
base::Outcome<std::string> ask(Client& client, base::Runtime& runtime, Request request);

/// Declared kinds become CustomResourceDefinitions of the server, by server-side apply under `manager`.
base::Outcome<void> install_definitions(Client& client, base::Runtime& runtime, const std::vector<std::string>& declared, InstallKinds when, const std::string& manager);
/// Custom resources of the server that nobody here declares become kinds of the registry. Who may not list them has none.
void learn_definitions(Client& client, base::Runtime& runtime, kinds::Registry& registry);

}  // namespace keelson::remote
