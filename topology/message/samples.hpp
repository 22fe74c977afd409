// What flows up: what a device saw and answered, what the filter kept, what the teacher says.
// Tensors inside messages are immutable once sent.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include "kernels/base/fields.hpp"
#include "kernels/base/host_tensor.hpp"
#include "kernels/base/ids.hpp"

namespace freshet::topology {

/// DEVICE -> UPLINK-FILTER: a batch of answered samples with all that gates and masks may read.
/// n samples, L visual tokens each of width D (student, after the projector), P bytes a patch, F features of the vision
/// tower a token (before the projector), A answer positions (padded), V words. Features, relevance and what is encoded are
/// empty when the device is told not to send them; a batch of no samples (it only ends a tick) has all tensors empty, one of text alone all but the logits.
struct observation_batch {
  device_id device;
  std::uint64_t tick = 0;                 ///< paced mode: the bench's tick; 0 in free-running mode
  bool end_of_tick = false;
  version student;                        ///< version that answered
  std::vector<sequence> sequences;        ///< [n]
  std::vector<std::string> questions;     ///< [n]
  std::vector<std::string> answers;       ///< [n] the student's own answers
  std::vector<std::uint32_t> answer_length;  ///< [n] tokens generated, end token included
  host_tensor patches;                    ///< u8 [n, L, P]
  host_tensor features;                   ///< f32 [n, L, D] tokens that the decoder reads
  host_tensor answer_logits;              ///< f32 [n, A, V] raw logits of each generated position
  host_tensor token_relevance;            ///< f32 [n, L] attention of the answer on each visual token
  std::vector<std::string> domains;       ///< [n] what the device calls where a sample is from; empty: it does not know
  host_tensor encoded = {};               ///< f32 [n, L, F] what the frozen vision tower makes of each token's patches
  content_hash encoder = {};              ///< of that tower (kernels/model/encoder_hash.hpp)
  FRESHET_FIELDS(device, tick, end_of_tick, student, sequences, questions, answers, answer_length, patches, features,
                 answer_logits, token_relevance, domains, encoded, encoder)
};

/// How the kept tokens of a UTS batch are written.
enum class token_format : std::uint8_t {
  patches_u8 = 0,   ///< pixels, exact (kernels/uncertainty/token_codec.hpp)
  features_i8 = 1,  ///< encoder features in 8 bits, same place
  patches_dct = 2,  ///< pixels with loss (kernels/uncertainty/patch_dct.hpp)
};
/// Whether a number off the wire names a value of the enum. The codec asks this of every enum.
[[nodiscard]] constexpr bool is_known(token_format f) noexcept {
  return f == token_format::patches_u8 || f == token_format::features_i8 || f == token_format::patches_dct;
}

struct uts_sample {
  sequence position;
  std::string question;
  std::string device_answer;
  float uncertainty = 0;                  ///< the gate's score; larger is less certain
  bool random_probe = false;              ///< one of the ε random samples
  std::vector<std::uint8_t> kept;         ///< bitmap, bit l (LSB first) = token l is sent; ceil(L/8) bytes
  std::uint32_t kept_count = 0;
  version student;                        ///< that gave device_answer; of probes only
  std::string domain;                     ///< likewise, where the device knows it
  FRESHET_FIELDS(position, question, device_answer, uncertainty, random_probe, kept, kept_count, student, domain)
};

/// UPLINK-FILTER -> INTAKE: only what was kept travels. Samples of text alone have no tokens: L and all counts are 0.
struct uts_batch {
  device_id device;
  std::uint64_t tick = 0;
  bool end_of_tick = false;
  std::uint32_t tokens_per_sample = 0;    ///< L
  token_format format = token_format::patches_u8;
  bool zstd = false;                      ///< payload is one zstd frame
  std::uint32_t token_bytes = 0;          ///< bytes of a token once decompressed
  host_tensor payload;                    ///< u8 [bytes]: kept tokens of all samples in order, as `format` says
  host_tensor scales;                     ///< f32 [sum kept], only for features_i8
  std::vector<uts_sample> samples;
  content_hash encoder = {};              ///< whose features these are; 0 for pixels
  FRESHET_FIELDS(device, tick, end_of_tick, tokens_per_sample, format, zstd, token_bytes, payload, scales, samples, encoder)
};

/// INTAKE -> UPLINK-FILTER: what became of samples of a batch. Those in neither list stay the sender's: it
/// sends them again later.
struct samples_settled {
  device_id device;
  std::vector<sequence> accepted = {};    ///< committed to the journal, now or before: the sender may forget them
  std::vector<sequence> refused = {};     ///< never taken as they are; to send them again is no use
  FRESHET_FIELDS(device, accepted, refused)
};

/// The accepted work that a lease is about, by a name that is the same in every life of INTAKE.
struct journal_entry {
  std::uint64_t journal = 0;              ///< drawn when the journal was made
  std::uint64_t number = 0;               ///< ascends, never used twice; 0: no entry, a bare end of a tick
  std::uint64_t done_below = 0;           ///< every entry below this one is learned and erased
  FRESHET_FIELDS(journal, number, done_below)
};

/// INTAKE -> TEACHER: a lease on accepted samples.
struct label_request {
  std::uint64_t lease = 0;
  uts_batch batch;
  journal_entry entry = {};
  FRESHET_FIELDS(lease, batch, entry)
};

struct teacher_label {
  std::string answer;
  float confidence = 0;                   ///< product of top probabilities over the answer
  std::vector<std::int32_t> answer_tokens;   ///< [A], end token included
  std::vector<std::int32_t> topk_ids;        ///< [A * k] per position, most probable first
  std::vector<float> topk_logits;            ///< [A * k] natural-log probabilities at temperature 1
  std::vector<float> rest_mass;              ///< [A] probability outside of the top k
  FRESHET_FIELDS(answer, confidence, answer_tokens, topk_ids, topk_logits, rest_mass)
};

/// TEACHER -> DISTILLER.
struct labelled_batch {
  std::uint64_t lease = 0;
  uts_batch batch;
  std::vector<teacher_label> labels;      ///< one a sample
  host_tensor teacher_visual;             ///< f32 [sum kept, Dt] visual tokens after the projector; empty when not asked for
  host_tensor teacher_hidden;             ///< f32 [sum A, Dt] final normed hidden states at the answer positions; same
  journal_entry entry = {};               ///< of the request
  FRESHET_FIELDS(lease, batch, labels, teacher_visual, teacher_hidden, entry)
};

/// DISTILLER -> INTAKE: this work is committed to the distiller's state and need not be labelled again.
struct leases_consumed {
  std::vector<std::uint64_t> leases;
  std::uint64_t journal = 0;
  std::vector<std::uint64_t> entries = {};  ///< of that journal: holds whatever became of the leases
  FRESHET_FIELDS(leases, journal, entries)
};

}  // namespace freshet::topology
