// What reading and writing protobuf share: the magic bytes, which type an envelope names, the types that are no plain
// messages. Private to core/kinds.
//
// Threads: any, stateless.
#pragma once
#include <string_view>

#include "core/kinds/type.hpp"

namespace keelson::kinds {

inline constexpr std::string_view kProtobufMagic{"k8s\0", 4};

/// The message type behind an envelope's apiVersion and kind, null when there is none.
const Type* protobuf_type(std::string_view api_version, std::string_view kind);

/// CRD schemas hold values that are a schema or something simpler.
enum class Union { none, schema_or_bool, schema_or_array, schema_or_strings };
Union union_of(const Type& type);
const Type* union_schema();

/// A list of texts that travels in a message of its own (Go's named slices).
bool wrapped_list(const Type& type, const Field& field);

}  // namespace keelson::kinds
