// What a document that is read again would change. Nothing of it is applied here: whoever can apply a part takes it
// out of the list, and what is left is told to the operator.
// Thread contract: pure function.
#pragma once

#include <string>
#include <vector>

namespace freshet::cli {

/// Settings that differ between two right documents, one a line: "roles[7].settings.samples_per_second: 6.0
/// becomes 8.0", "nodes[2].name: \"edge-3\" is new". In the order of the new document, then what is gone.
[[nodiscard]] std::vector<std::string> changes_between(const std::string& old_document,
                                                       const std::string& new_document);

}  // namespace freshet::cli
