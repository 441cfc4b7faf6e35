// Trust: whether a plugin's file may be believed, before anything of it is mapped.
//
// Invariants: what is judged is the file that was opened, not whatever its name stands for later. Who may write a file, or
//   rename one of the directories above it, owns the server: nobody but root and the server's user may.
// Threads: any.
#pragma once
#include <optional>
#include <string>
#include <vector>

namespace keelson::plugins {

/// Why a file is no plugin for this server: a condition's reason, and a sentence for the operator.
struct Refusal {
  std::string reason;    ///< BadPermissions, BadSignature, NotALibrary, WrongArchitecture, NoEntrySymbol, ABIMismatch, LoadFailed ...
  std::string message;
};

/// What others could do to the file or to the directories above it (also those that links lead through).
std::optional<Refusal> untrusted_path(const std::string& file);
/// The same for one file only; `shown` is its name for the operator.
std::optional<Refusal> untrusted_file(const std::string& file, const std::string& shown);

/// A public key for Ed25519 signatures as minisign makes them.
struct TrustedKey {
  std::string id;        ///< 8 bytes
  std::string key;       ///< 32 bytes
};
/// Reads a key as minisign writes it: a file's content or the one line of base64. Nothing: it is none.
std::optional<TrustedKey> parse_trusted_key(const std::string& text);

/// Checks `signature` (content of a .minisig file, prehashed or legacy) over `content`, its trusted comment included.
std::optional<Refusal> bad_signature(const std::string& name, const std::string& content, const std::optional<std::string>& signature,
                                     const std::vector<TrustedKey>& keys);

std::string sha256_hex(const std::string& content);

}  // namespace keelson::plugins
