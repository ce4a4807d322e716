#!/bin/sh
# Diagnoses LiveKit as the deployed app will see it, and stops the deployment if users could not join.
# Needs LIVEKIT_URL, LIVEKIT_API_KEY and LIVEKIT_API_SECRET. The report goes to lkdoctor-report.json;
# it holds no secret, so it can be kept with the build.

lkdoctor diagnose --fail-on warn --save lkdoctor-report.json
code=$?

case $code in
  0) echo "LiveKit is healthy" ;;
  4) echo "LiveKit has warnings; deploying all the same" ;;
  3) echo "LiveKit could not be judged from here; deploying all the same" ;;
  *) echo "not deployed: users could not join" >&2; exit "$code" ;;
esac
