// The echo canceller of libwebrtc-audio-processing 0.3 (Debian 12) as plain C, for `echo.ts`. 10 ms frames of 16 kHz, mono.
#include <webrtc/modules/audio_processing/include/audio_processing.h>
#include <webrtc/modules/interface/module_common_types.h>

using webrtc::AudioFrame;
using webrtc::AudioProcessing;

extern "C" {
void *apm_create(int hz) {
  AudioProcessing *apm = AudioProcessing::Create();
  webrtc::ProcessingConfig format = {{{hz, 1, false}, {hz, 1, false}, {hz, 1, false}, {hz, 1, false}}};
  apm->Initialize(format);
  apm->echo_cancellation()->enable_drift_compensation(false);
  apm->echo_cancellation()->Enable(true);
  apm->high_pass_filter()->Enable(true);
  apm->noise_suppression()->Enable(true);
  return apm;
}

void apm_frame(void *handle, int hz, const int16_t *far, const int16_t *microphone, int16_t *out) {
  AudioProcessing *apm = static_cast<AudioProcessing *>(handle);
  AudioFrame frame;
  frame.num_channels_ = 1;
  frame.sample_rate_hz_ = hz;
  frame.samples_per_channel_ = hz / 100;
  for (int i = 0; i < hz / 100; i++) frame.data_[i] = far[i];
  apm->ProcessReverseStream(&frame);
  for (int i = 0; i < hz / 100; i++) frame.data_[i] = microphone[i];
  apm->set_stream_delay_ms(0);
  apm->ProcessStream(&frame);
  for (int i = 0; i < hz / 100; i++) out[i] = frame.data_[i];
}

void apm_destroy(void *handle) { delete static_cast<AudioProcessing *>(handle); }
}
