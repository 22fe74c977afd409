#include "actors/distiller/probe_tally.hpp"

#include <map>
#include <string>
#include <utility>

namespace freshet::actors {

topology::probe_outcomes tally_probes(const topology::labelled_batch& batch, const model::tokenizer& words,
                                      double confidence_floor) {
  topology::probe_outcomes out;
  if (batch.labels.size() != batch.batch.samples.size()) return out;  // refused where it is read
  std::map<std::pair<version, std::string>, topology::probe_outcome> found;
  for (std::size_t i = 0; i < batch.labels.size(); ++i) {
    const topology::uts_sample& s = batch.batch.samples[i];
    const topology::teacher_label& label = batch.labels[i];
    // Written so that a confidence that is no number is none.
    if (!s.random_probe || !(static_cast<double>(label.confidence) >= confidence_floor)) continue;
    topology::probe_outcome& o = found[{s.student, s.domain}];
    ++o.asked;
    o.agreed += words.decode(words.encode(s.device_answer)) == words.decode(words.encode(label.answer)) ? 1 : 0;
  }
  for (auto& [key, o] : found) {
    o.device = batch.batch.device;
    o.student = key.first;
    o.domain = key.second;
    out.all.push_back(std::move(o));
  }
  return out;
}

}  // namespace freshet::actors
