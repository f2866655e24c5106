/** `/api/v1/config/otel`: where requests are traced (Annex B `helper_telemetry`). */
import type { Declaration } from '../declaration.ts'
import { locationDeclaration } from './located-declaration.ts'
import { flagField, single } from './settings.ts'

export const telemetry: Declaration = locationDeclaration({
  key: 'otel',
  fields: { opentelemetry: { type: 'boolean' } },
  read: (at) => ({ opentelemetry: at.flag('opentelemetry', true) }),
  write: (fields) => [single('opentelemetry', flagField(fields, 'opentelemetry'))],
})
